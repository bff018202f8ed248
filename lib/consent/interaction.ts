import { browserSession } from '../shared/browser-session.ts';
import type { EventContext, EventSink } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { BodyError, type Endpoint, type Exchange, readForm, redirect } from '../shared/http.ts';
import { type Identities, type Identity, nameOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { ApprovedLogin, LoginRequest } from '../shared/login-request.ts';
import type { OidcClient, OidcInteraction, OidcProvider } from '../shared/oidc-provider.ts';
import { foreignForm } from '../shared/own-form.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { Resources } from '../shared/resources.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { UserPolicy } from '../shared/user-policy.ts';
import { consentClient, consentResource } from './consent-content.ts';
import { saveGrant } from './interaction-grant.ts';
import { interactionContext, loginRequestOf } from './login-parameters.ts';
import { formActionSources, redirectSource } from './redirect-target.ts';
import type { RememberedApprovals } from './remembered-approvals.ts';
import { judgeUser, refusalResult, showRefusal } from './user-admission.ts';

export interface InteractionOptions {
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly resources: Resources;
  readonly identities: Identities;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly approvals: RememberedApprovals;
  /** Public path of the interaction pages, without the issuer's prefix. */
  readonly path: string;
  /** Sends the browser to sign in; called only after the person approved the client (MCP 2026-07-28, Confused Deputy). */
  readonly startLogin: (exchange: Exchange, login: LoginRequest) => Promise<void>;
  /** Grants made in one sign-in end with it. */
  readonly bindGrant: (issuer: Issuer, grantId: string, signInId: string) => Promise<void>;
  readonly endSession: (issuer: Issuer, uid: string) => Promise<void>;
  readonly userPolicy: UserPolicy | undefined;
  /** The operator's word on a redirect URI now: it may have changed since the client registered. */
  readonly mayRedirect: (redirectUri: string) => boolean;
  /** Somebody approved a client that is known by its metadata document. */
  readonly approved: (clientId: string, redirectUri: string) => Promise<void>;
  /** Whether the operator set the client up, so that its name can be relied on. */
  readonly isOperatorClient: (clientId: string) => boolean;
  /** Shows what else the person may do before the code, where there is something. @returns whether it took the browser */
  readonly offer: (exchange: Exchange, login: ApprovedLogin) => Promise<boolean>;
}

/** The pages between an authorization request and its answer, and what continues after a login. */
export interface Interactions {
  readonly endpoint: Endpoint;
  /** After a login: records what was approved and goes back to the client. @returns false where the request has expired */
  complete(exchange: Exchange, uid: string, login: { accountId: string; signInId: string }): Promise<boolean>;
  /** After what was offered: the same, without another offer. */
  resume(exchange: Exchange, login: ApprovedLogin): Promise<boolean>;
  /**
   * Whether the app lets somebody who signed in have what was asked for, before anything is kept. A refused person was
   * told so, and the answer is sent.
   */
  admit(exchange: Exchange, uid: string, identity: Identity): Promise<boolean>;
  /** After a failed login: the client gets the error at its redirect URI. @returns false where the request has expired */
  fail(exchange: Exchange, uid: string, error: { code: string; description: string }): Promise<boolean>;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const nowSeconds = () => Math.floor(Date.now() / 1000);

const goneReason = 'interaction: finished, expired or of another browser';

/** Whether the approval is followed by a sign-in. */
function needsLogin({ prompt, session }: OidcInteraction): boolean {
  return prompt.name !== 'consent' || !session;
}

/** What a person decided on the page. */
interface Decision {
  readonly approve: boolean;
  readonly remember: boolean;
  /** Where to sign in, if there was a choice. */
  readonly choice: LoginRequest['choice'];
}

/** An interaction of this browser and whom it is about. */
interface Loaded {
  readonly provider: OidcProvider;
  readonly interaction: OidcInteraction;
  readonly client: OidcClient;
}

/** @returns false where the interaction was resumed meanwhile: of decisions made side by side one counts */
async function saveResult(interaction: OidcInteraction, result: unknown): Promise<boolean> {
  interaction.result = result;
  try {
    await interaction.save(Math.max(1, interaction.exp - nowSeconds()));
    return true;
  } catch (error) {
    if ((error as Error).name !== 'SessionNotFound') throw error;
    return false;
  }
}

export function createInteractions(options: InteractionOptions): Interactions {
  const { provider: providerOf, resources, identities, events, pages } = options;

  const csrfText = (interaction: OidcInteraction) => `${interaction.uid}:${interaction.cid}`;

  async function load(
    exchange: Exchange,
  ): Promise<{ provider: OidcProvider; interaction: OidcInteraction } | undefined> {
    const { provider } = await providerOf(exchange.issuer);
    try {
      const interaction = await provider.interactionDetails(exchange.req, exchange.res);
      // The cookie is scoped to this path, so another uid here means a forged or stale address.
      return exchange.path === `${options.path}/${interaction.uid}` ? { provider, interaction } : undefined;
    } catch (error) {
      if ((error as Error).name !== 'SessionNotFound') throw error; // An outage or a defect is no expired page.
      return undefined;
    }
  }

  /** Where a form of this interaction is posted, and what shows that it is ours. */
  async function formOf({ pathPrefix }: Issuer, interaction: OidcInteraction) {
    const ring = await options.keyRing();
    return {
      action: `${pathPrefix}${options.path}/${interaction.uid}`,
      csrf: ring.sign('csrf', csrfText(interaction)),
    };
  }

  async function show(exchange: Exchange, interaction: OidcInteraction, client: OidcClient): Promise<void> {
    const { issuer } = exchange;
    const { redirect_uri: redirectUri, resource, scope, ui_locales: uiLocales } = interaction.params;
    const signedIn =
      !needsLogin(interaction) && interaction.session
        ? await identities.find(issuer, interaction.session.accountId)
        : undefined;
    const isKnown = options.isOperatorClient(client.clientId);
    pages.send(
      exchange,
      'consent',
      {
        client: consentClient(client, text(redirectUri), isKnown),
        resource: consentResource(issuer, text(resource), resources),
        scopes: text(scope).split(' ').filter(Boolean),
        ...(signedIn && { account: nameOf(signedIn) }),
        mayRemember: !needsLogin(interaction) && options.approvals.mayRemember(client, text(redirectUri)),
        ...(await formOf(issuer, interaction)),
      },
      { formAction: formActionSources(issuer, text(redirectUri), needsLogin(interaction)), uiLocales },
    );
  }

  /** The page says one thing for all causes; the event says which it was. */
  function refuse(exchange: Exchange, reason: string, flow: EventContext = {}): void {
    const flowId = flow.flowId ?? newFlowId();
    events.emit({ type: 'authorization.refused', ...flow, flowId, reason });
    pages.send(exchange, 'error', { kind: 'expired', code: 'invalid_request', flowId }, { status: 400 });
  }

  async function noteApproval({ params }: OidcInteraction): Promise<void> {
    const clientId = text(params.client_id);
    if (clientId.startsWith('https://')) await options.approved(clientId, text(params.redirect_uri));
  }

  async function remember(
    issuer: Issuer,
    client: OidcClient,
    { cid, params }: OidcInteraction,
    accountId: string,
  ): Promise<void> {
    const redirectUri = text(params.redirect_uri);
    if (!options.approvals.mayRemember(client, redirectUri)) return;
    const scopes = text(params.scope).split(' ').filter(Boolean);
    const approved = { accountId, redirectUri, resource: text(params.resource), scopes };
    await options.approvals.remember(issuer, client, approved, cid);
  }

  /** @returns whether the person goes on; who does not has been answered */
  async function admitted(
    exchange: Exchange,
    { provider, interaction }: Pick<Loaded, 'provider' | 'interaction'>,
    identity: Identity,
  ): Promise<boolean> {
    const verdict = await judgeUser(options.userPolicy, provider, interaction, identity);
    if (verdict.kind === 'allowed') return true;
    if (await saveResult(interaction, refusalResult(verdict))) {
      showRefusal(exchange, interaction, identity, verdict, { events, pages });
    } else refuse(exchange, goneReason, interactionContext(interaction));
    return false;
  }

  /** A decision counts only as a form of this page, posted by this browser (RFC 9700 section 4.7). */
  async function readDecision(
    exchange: Exchange,
    interaction: OidcInteraction,
  ): Promise<Decision | { readonly refusal: string }> {
    const form = await readForm(exchange.req);
    const foreign = foreignForm(exchange, await options.keyRing(), csrfText(interaction), form.get('csrf'));
    if (foreign !== undefined) return { refusal: `decision: ${foreign}` };
    const decision = form.get('decision');
    if (decision !== 'approve' && decision !== 'deny') return { refusal: 'decision: neither yes nor no' };
    return {
      approve: decision === 'approve',
      remember: form.get('remember') === 'yes',
      choice: { provider: form.get('identity_provider'), email: form.get('email') },
    };
  }

  async function decide(exchange: Exchange, { provider, interaction, client }: Loaded): Promise<void> {
    const flow = interactionContext(interaction);
    const decision = await readDecision(exchange, interaction);
    if ('refusal' in decision) return refuse(exchange, decision.refusal, flow);
    if (!decision.approve) {
      const denial = { error: 'access_denied', error_description: 'the person refused the request' };
      if (!(await saveResult(interaction, denial))) return refuse(exchange, goneReason, flow);
      events.emit({ type: 'consent.denied', ...flow });
      return redirect(exchange.res, interaction.returnTo);
    }
    if (needsLogin(interaction) || !interaction.session) {
      const { uid, exp: expiresAt } = interaction;
      const approval = await formOf(exchange.issuer, interaction);
      const { remember: isRemembered, choice } = decision;
      return options.startLogin(exchange, {
        uid,
        flowId: interaction.cid,
        clientId: client.clientId,
        expiresAt,
        choice,
        approval: { ...approval, remember: isRemembered },
        ...loginRequestOf(interaction.params),
      });
    }
    const { accountId: account, acr: signInId } = interaction.session;
    const identity = await identities.find(exchange.issuer, account);
    if (!identity) return refuse(exchange, goneReason, flow);
    if (!(await admitted(exchange, { provider, interaction }, identity))) return;
    const approved = {
      account,
      hadSession: true,
      remember: decision.remember,
      ...(signInId !== undefined && { signInId }),
    };
    const login = approvedLogin(exchange, { interaction, client }, approved);
    if (await options.offer(exchange, login)) return;
    if (!(await finish(exchange, { provider, interaction, client }, login))) refuse(exchange, goneReason, flow);
  }

  function approvedLogin(
    { issuer }: Exchange,
    { interaction, client }: Pick<Loaded, 'interaction' | 'client'>,
    approved: Pick<ApprovedLogin, 'account' | 'hadSession' | 'remember' | 'signInId'>,
  ): ApprovedLogin {
    const { redirect_uri: redirectUri, resource } = interaction.params;
    return {
      uid: interaction.uid,
      flowId: interaction.cid,
      clientId: client.clientId,
      ...(client.clientName !== undefined && { clientName: client.clientName }),
      path: resources.resolve(issuer, text(resource))?.path ?? '',
      expiresAt: interaction.exp,
      redirectSource: redirectSource(text(redirectUri)),
      ...approved,
    };
  }

  /** Records what was approved and goes back to the client. @returns false where the request was finished meanwhile */
  async function finish(
    exchange: Exchange,
    { provider, interaction, client }: Loaded,
    { account, hadSession, signInId, remember: isRemembered }: ApprovedLogin,
  ): Promise<boolean> {
    const { issuer } = exchange;
    if (!hadSession) {
      // Another person signed in: the old session ends here instead of on oidc-provider's own logout page, also where it
      // began in another tab meanwhile. This browser has just proved who is at it, so no older session is asked for.
      const present = await browserSession(provider, exchange);
      if (present.accountId !== undefined && present.accountId !== account)
        await options.endSession(issuer, present.uid);
      interaction.session = undefined;
    }
    if (signInId !== undefined) await options.bindGrant(issuer, interaction.cid, signInId);
    const grantId = await saveGrant(provider, interaction, account, resources, issuer);
    const login = hadSession ? {} : { login: { accountId: account, remember: true, acr: signInId } };
    if (!(await saveResult(interaction, { ...login, consent: { grantId } }))) return false;
    if (isRemembered) await remember(issuer, client, interaction, account);
    await noteApproval(interaction);
    events.emit({ type: 'consent.granted', ...interactionContext(interaction), subject: account });
    redirect(exchange.res, interaction.returnTo);
    return true;
  }

  async function find(exchange: Exchange, uid: string): Promise<Loaded | undefined> {
    const { provider } = await providerOf(exchange.issuer);
    const interaction = await provider.Interaction.find(uid);
    const client = interaction && (await provider.Client.find(text(interaction.params.client_id)));
    return interaction && client && { provider, interaction, client };
  }

  return {
    async endpoint(exchange) {
      const { req, res } = exchange;
      if (req.method !== 'GET' && req.method !== 'POST') {
        res.setHeader('allow', 'GET, POST');
        return pages.send(exchange, 'error', { kind: 'notUsable', code: 'invalid_request' }, { status: 405 });
      }
      const loaded = await load(exchange);
      if (!loaded) return refuse(exchange, goneReason);
      const { provider, interaction } = loaded;
      const client = await provider.Client.find(text(interaction.params.client_id));
      if (!client) return refuse(exchange, 'interaction: client is gone', { flowId: interaction.cid });
      if (!options.mayRedirect(text(interaction.params.redirect_uri)))
        return refuse(exchange, 'interaction: redirect URI is not allowed', { flowId: interaction.cid });
      if (req.method === 'GET') return show(exchange, interaction, client);
      try {
        await decide(exchange, { provider, interaction, client });
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        refuse(exchange, error.message, { flowId: interaction.cid });
      }
    },

    async complete(exchange, uid, { accountId: account, signInId }) {
      const loaded = await find(exchange, uid);
      if (!loaded) return false;
      const login = approvedLogin(exchange, loaded, { account, hadSession: false, remember: false, signInId });
      return (await options.offer(exchange, login)) || finish(exchange, loaded, login);
    },

    async resume(exchange, login) {
      const loaded = await find(exchange, login.uid);
      return loaded ? finish(exchange, loaded, login) : false;
    },

    async admit(exchange, uid, identity) {
      if (!options.userPolicy) return true;
      const { provider } = await providerOf(exchange.issuer);
      const interaction = await provider.Interaction.find(uid);
      // One that has expired meanwhile is found so by complete().
      return !interaction || admitted(exchange, { provider, interaction }, identity);
    },

    async fail(exchange, uid, { code, description }) {
      const { provider } = await providerOf(exchange.issuer);
      const interaction = await provider.Interaction.find(uid);
      if (!interaction) return false;
      if (!(await saveResult(interaction, { error: code, error_description: description }))) return false;
      redirect(exchange.res, interaction.returnTo);
      return true;
    },
  };
}
