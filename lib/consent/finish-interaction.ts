import { browserSession } from '../shared/browser-session.ts';
import type { EventSink } from '../shared/events.ts';
import { type Exchange, redirect } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcClient, OidcInteraction, OidcProvider } from '../shared/oidc-provider.ts';
import type { Resources } from '../shared/resources.ts';
import { saveGrant } from './interaction-grant.ts';
import { interactionContext } from './login-parameters.ts';
import type { RememberedApprovals } from './remembered-approvals.ts';

/** An interaction and whom it is about. */
export interface Loaded {
  readonly provider: OidcProvider;
  readonly interaction: OidcInteraction;
  readonly client: OidcClient;
}

/** Who approved, and how. */
export interface Approval {
  readonly account: string;
  /** The session was there before: nobody has signed in for this request. */
  readonly hadSession: boolean;
  /** The sign-in whose end is that of the grant, too. */
  readonly signInId?: string | undefined;
  /** Whether the person wants this approval to be remembered. */
  readonly remember: boolean;
}

export interface FinishOptions {
  readonly resources: Resources;
  readonly events: EventSink;
  readonly approvals: RememberedApprovals;
  /** Grants made in one sign-in end with it. */
  readonly bindGrant: (issuer: Issuer, grantId: string, signInId: string) => Promise<void>;
  readonly endSession: (issuer: Issuer, uid: string) => Promise<void>;
  /** Somebody approved a client that is known by its metadata document. */
  readonly approved: (clientId: string, redirectUri: string) => Promise<void>;
}

/** Records what was approved and goes back to the client. @returns false where the request was finished meanwhile */
export type FinishInteraction = (exchange: Exchange, loaded: Loaded, approval: Approval) => Promise<boolean>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** @returns false where the interaction was resumed meanwhile: of decisions made side by side one counts */
export async function saveResult(interaction: OidcInteraction, result: unknown): Promise<boolean> {
  interaction.result = result;
  try {
    await interaction.save(Math.max(1, interaction.exp - Math.floor(Date.now() / 1000)));
    return true;
  } catch (error) {
    if ((error as Error).name !== 'SessionNotFound') throw error;
    return false;
  }
}

export function createFinishInteraction(options: FinishOptions): FinishInteraction {
  const { approvals, resources, events } = options;

  async function remember(
    issuer: Issuer,
    client: OidcClient,
    { cid, params }: OidcInteraction,
    accountId: string,
  ): Promise<void> {
    const redirectUri = text(params.redirect_uri);
    if (!approvals.mayRemember(client, redirectUri)) return;
    const scopes = text(params.scope).split(' ').filter(Boolean);
    const approved = { accountId, redirectUri, resource: text(params.resource), scopes };
    await approvals.remember(issuer, client, approved, cid);
  }

  return async (exchange, { provider, interaction, client }, { account, hadSession, signInId, ...approval }) => {
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
    if (approval.remember) await remember(issuer, client, interaction, account);
    const { clientId } = client;
    if (clientId.startsWith('https://')) await options.approved(clientId, text(interaction.params.redirect_uri));
    events.emit({ type: 'consent.granted', ...interactionContext(interaction), subject: account });
    redirect(exchange.res, interaction.returnTo);
    return true;
  };
}
