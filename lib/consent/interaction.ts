import type { EventContext } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import { BodyError, type Endpoint, type Exchange, redirect } from '../shared/http.ts';
import { type Identities, type Identity, nameOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { ApprovedLogin, LoginRequest } from '../shared/login-request.ts';
import type { OidcInteraction, OidcProvider } from '../shared/oidc-provider.ts';
import type { PageUpstream } from '../shared/pages/models.ts';
import type { Pages } from '../shared/pages/pages.ts';
import { isReady, notConnectedName } from '../shared/pages/upstream-list.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { UserPolicy, UserVerdict } from '../shared/user-policy.ts';
import { consentClient, consentResource } from './consent-content.ts';
import { type Decision, readDecision } from './decision.ts';
import { createFinishInteraction, type FinishOptions, type Loaded, saveResult } from './finish-interaction.ts';
import { interactionContext, loginRequestOf } from './login-parameters.ts';
import { formActionSources, redirectSource } from './redirect-target.ts';
import { judgeUser, refusalResult, showRefusal } from './user-admission.ts';

/** Upstreams that a person connects on the way to a code. */
export interface UpstreamOffers {
  /** Those for the route at this path, as pages show them. */
  list(issuer: Issuer, account: string, path: string): Promise<readonly PageUpstream[]>;
  /** Takes the browser to one of them, and back. @returns false where it is none of them, or connected already */
  connect(
    exchange: Exchange,
    request: { readonly account: string; readonly path: string; readonly upstream: string; readonly returnTo: string },
  ): Promise<boolean>;
  /** After a login: shows them, where there are any to connect. @returns whether it took the browser */
  offer(exchange: Exchange, login: ApprovedLogin): Promise<boolean>;
}

export interface InteractionOptions extends FinishOptions {
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly identities: Identities;
  readonly keyRing: KeyRingSource;
  readonly pages: Pages;
  /** Public path of the interaction pages, without the issuer's prefix. */
  readonly path: string;
  /** Sends the browser to sign in; called only after the person approved the client (MCP 2026-07-28, Confused Deputy). */
  readonly startLogin: (exchange: Exchange, login: LoginRequest) => Promise<void>;
  readonly userPolicy: UserPolicy | undefined;
  /** Whether the operator has blocked a person. */
  readonly isBlocked: (issuer: Issuer, identity: Identity) => Promise<boolean>;
  /** The operator's word on a redirect URI now: it may have changed since the client registered. */
  readonly mayRedirect: (redirectUri: string) => boolean;
  /** Whether the operator set the client up, so that its name can be relied on. */
  readonly isOperatorClient: (clientId: string) => boolean;
  readonly upstreams: () => UpstreamOffers;
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

const goneReason = 'interaction: finished, expired or of another browser';

/** Whether the approval is followed by a sign-in. */
function needsLogin({ prompt, session }: OidcInteraction): boolean {
  return prompt.name !== 'consent' || !session;
}

/** A person with a session, who decides on one page about everything. */
interface SignedIn {
  readonly account: string;
  readonly identity: Identity;
  readonly signInId: string | undefined;
  readonly upstreams: readonly PageUpstream[];
}

/** Parameter of the page's own address: the box was ticked before the person left to connect a service. */
const rememberParameter = 'remember';

export function createInteractions(options: InteractionOptions): Interactions {
  const { provider: providerOf, resources, identities, events, pages } = options;
  const finish = createFinishInteraction(options);
  const pathOf = (issuer: Issuer, { params }: OidcInteraction) =>
    resources.resolve(issuer, text(params.resource))?.path ?? '';

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

  /** Who is asked, where the session says so; undefined where a sign-in comes first. */
  async function signedIn(issuer: Issuer, interaction: OidcInteraction): Promise<SignedIn | undefined> {
    const { session } = interaction;
    if (needsLogin(interaction) || !session) return undefined;
    const { accountId: account, acr: signInId } = session;
    const identity = await identities.find(issuer, account);
    if (!identity) return undefined;
    return {
      account,
      identity,
      signInId,
      upstreams: await options.upstreams().list(issuer, account, pathOf(issuer, interaction)),
    };
  }

  async function show(
    exchange: Exchange,
    { interaction, client }: Loaded,
    person: SignedIn | undefined,
    state: { readonly isHeldBack: boolean; readonly remember: boolean },
  ): Promise<void> {
    const { issuer, url } = exchange;
    const { redirect_uri: redirectUri, resource, scope, ui_locales: uiLocales } = interaction.params;
    const isKnown = options.isOperatorClient(client.clientId);
    const upstreams = person?.upstreams ?? [];
    const missing = upstreams.filter(({ isConnected }) => !isConnected);
    const failed = notConnectedName(missing, url);
    pages.send(
      exchange,
      'consent',
      {
        client: consentClient(client, text(redirectUri), isKnown),
        resource: consentResource(issuer, text(resource), resources),
        scopes: text(scope).split(' ').filter(Boolean),
        ...(person && { account: nameOf(person.identity) }),
        upstreams,
        ...(failed !== undefined && { notConnected: failed }),
        isHeldBack: state.isHeldBack,
        mayRemember: !needsLogin(interaction) && options.approvals.mayRemember(client, text(redirectUri)),
        wasRemembered: state.remember,
        ...(await formOf(issuer, interaction)),
      },
      {
        formAction: formActionSources(issuer, text(redirectUri), needsLogin(interaction) || missing.length > 0),
        uiLocales,
      },
    );
  }

  /** The page says one thing for all causes; the event says which it was. */
  function refuse(exchange: Exchange, reason: string, flow: EventContext = {}): void {
    const flowId = flow.flowId ?? newFlowId();
    events.emit({ type: 'authorization.refused', ...flow, flowId, reason });
    pages.send(exchange, 'error', { kind: 'expired', code: 'invalid_request', flowId }, { status: 400 });
  }

  /** @returns whether the person goes on; who does not has been answered */
  async function admitted(
    exchange: Exchange,
    { provider, interaction }: Pick<Loaded, 'provider' | 'interaction'>,
    identity: Identity,
  ): Promise<boolean> {
    const verdict: UserVerdict = (await options.isBlocked(exchange.issuer, identity))
      ? { kind: 'refused', reason: 'blocked' }
      : await judgeUser(options.userPolicy, provider, interaction, identity);
    if (verdict.kind === 'allowed') return true;
    if (await saveResult(interaction, refusalResult(verdict))) {
      showRefusal(exchange, interaction, identity, verdict, { events, pages });
    } else refuse(exchange, goneReason, interactionContext(interaction));
    return false;
  }

  async function deny(exchange: Exchange, { interaction }: Loaded): Promise<void> {
    const flow = interactionContext(interaction);
    const denial = { error: 'access_denied', error_description: 'the person refused the request' };
    if (!(await saveResult(interaction, denial))) return refuse(exchange, goneReason, flow);
    events.emit({ type: 'consent.denied', ...flow });
    redirect(exchange.res, interaction.returnTo);
  }

  /** Approved without a session: the sign-in is next. */
  async function leaveForLogin(
    exchange: Exchange,
    { interaction, client }: Loaded,
    { remember, choice }: Extract<Decision, { kind: 'approve' }>,
  ): Promise<void> {
    const { uid, cid: flowId, exp: expiresAt } = interaction;
    const approval = { ...(await formOf(exchange.issuer, interaction)), remember };
    const about = { uid, flowId, clientId: client.clientId, expiresAt, choice, approval };
    return options.startLogin(exchange, { ...about, ...loginRequestOf(interaction.params) });
  }

  /** Where a service is connected first: the same page again, with what was ticked on it. */
  async function connect(
    exchange: Exchange,
    loaded: Loaded,
    person: SignedIn,
    { remember, upstream }: Extract<Decision, { kind: 'connect' }>,
  ): Promise<void> {
    const { interaction } = loaded;
    const returnTo = `${options.path}/${interaction.uid}${remember ? `?${rememberParameter}=yes` : ''}`;
    const request = { account: person.account, path: pathOf(exchange.issuer, interaction), upstream, returnTo };
    if (await options.upstreams().connect(exchange, request)) return;
    await show(exchange, loaded, person, { isHeldBack: false, remember });
  }

  async function decide(exchange: Exchange, loaded: Loaded): Promise<void> {
    const { interaction } = loaded;
    const flow = interactionContext(interaction);
    const decision = await readDecision(exchange, await options.keyRing(), csrfText(interaction));
    if (decision.kind === 'foreign') return refuse(exchange, decision.reason, flow);
    if (decision.kind === 'deny') return deny(exchange, loaded);
    if (needsLogin(interaction)) {
      if (decision.kind === 'approve') return leaveForLogin(exchange, loaded, decision);
      return refuse(exchange, 'decision: a service before the sign-in', flow);
    }
    const person = await signedIn(exchange.issuer, interaction);
    if (!person) return refuse(exchange, goneReason, flow);
    if (!(await admitted(exchange, loaded, person.identity))) return;
    const { remember } = decision;
    if (decision.kind === 'connect') return connect(exchange, loaded, person, decision);
    if (!isReady(person.upstreams)) return show(exchange, loaded, person, { isHeldBack: true, remember });
    const { account, signInId } = person;
    const isDone = await finish(exchange, loaded, { account, hadSession: true, signInId, remember });
    if (!isDone) refuse(exchange, goneReason, flow);
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
      const present = await load(exchange);
      if (!present) return refuse(exchange, goneReason);
      const { provider, interaction } = present;
      const client = await provider.Client.find(text(interaction.params.client_id));
      if (!client) return refuse(exchange, 'interaction: client is gone', { flowId: interaction.cid });
      if (!options.mayRedirect(text(interaction.params.redirect_uri)))
        return refuse(exchange, 'interaction: redirect URI is not allowed', { flowId: interaction.cid });
      const loaded = { provider, interaction, client };
      if (req.method === 'GET') {
        const remember = exchange.url.searchParams.get(rememberParameter) === 'yes';
        const person = await signedIn(exchange.issuer, interaction);
        return show(exchange, loaded, person, { isHeldBack: false, remember });
      }
      try {
        await decide(exchange, loaded);
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        refuse(exchange, error.message, { flowId: interaction.cid });
      }
    },

    async complete(exchange, uid, { accountId: account, signInId }) {
      const loaded = await find(exchange, uid);
      if (!loaded) return false;
      const { interaction, client } = loaded;
      const { redirect_uri: redirectUri, ui_locales: uiLocales } = interaction.params;
      const isTaken = await options.upstreams().offer(exchange, {
        uid,
        flowId: interaction.cid,
        clientId: client.clientId,
        ...(client.clientName !== undefined && { clientName: client.clientName }),
        path: pathOf(exchange.issuer, interaction),
        expiresAt: interaction.exp,
        redirectSource: redirectSource(text(redirectUri)),
        ...(typeof uiLocales === 'string' && { uiLocales }),
        account,
        signInId,
      });
      return isTaken || finish(exchange, loaded, { account, hadSession: false, remember: false, signInId });
    },

    async resume(exchange, { uid, account, signInId }) {
      const loaded = await find(exchange, uid);
      return loaded ? finish(exchange, loaded, { account, hadSession: false, remember: false, signInId }) : false;
    },

    async admit(exchange, uid, identity) {
      if (!options.userPolicy && !(await options.isBlocked(exchange.issuer, identity))) return true;
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
