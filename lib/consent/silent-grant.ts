import type { IncomingMessage } from 'node:http';
import { type EventSink, resourceMember } from '../shared/events.ts';
import type { Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcClient, OidcProvider } from '../shared/oidc-provider.ts';
import type { Resources } from '../shared/resources.ts';
import type { UserPolicy, UserRequest } from '../shared/user-policy.ts';
import { saveGrant } from './interaction-grant.ts';
import { isOwnNavigation, type RememberedApprovals } from './remembered-approvals.ts';
import { userRequestOf } from './user-admission.ts';

/** An authorization request of a browser with a session. */
export interface SessionRequest {
  readonly provider: OidcProvider;
  readonly req: IncomingMessage;
  readonly client: OidcClient;
  readonly params: Readonly<Record<string, unknown>>;
  readonly accountId: string;
  /** The sign-in that the session rests on. */
  readonly signInId: string | undefined;
  readonly flowId: string;
}

/** @returns the id of a new grant, where the person approved exactly this before and need not be asked */
export type SilentGrant = (issuer: Issuer, request: SessionRequest) => Promise<string | undefined>;

export interface SilentGrantOptions {
  readonly approvals: RememberedApprovals;
  readonly resources: Resources;
  readonly events: EventSink;
  readonly bindGrant: (issuer: Issuer, grantId: string, signInId: string) => Promise<void>;
  readonly mayRedirect: (redirectUri: string) => boolean;
  /** Whether the person is connected to all that the resource at this path requires. */
  readonly isReady: (issuer: Issuer, accountId: string, path: string) => Promise<boolean>;
  readonly identities: Identities;
  readonly userPolicy: UserPolicy | undefined;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Spends a remembered approval: only on a navigation of the person's own, and never where a prompt was asked for. */
export function createSilentGrant(options: SilentGrantOptions): SilentGrant {
  const { approvals, resources, events, identities, userPolicy } = options;

  async function mayUse(issuer: Issuer, accountId: string, request: UserRequest): Promise<boolean> {
    const identity = userPolicy && (await identities.find(issuer, accountId));
    return !userPolicy || (identity !== undefined && (await userPolicy(identity, request)).kind === 'allowed');
  }

  return async (issuer, { provider, req, client, params, accountId, signInId, flowId }) => {
    const { redirect_uri: redirectUri, resource, scope, prompt } = params;
    if (
      text(prompt)
        .split(' ')
        .some((word) => word !== '' && word !== 'none')
    )
      return undefined;
    const target = text(redirectUri);
    if (!isOwnNavigation(req.headers) || !approvals.mayRemember(client, target) || !options.mayRedirect(target))
      return undefined;
    const scopes = text(scope).split(' ').filter(Boolean);
    const approved = { accountId, redirectUri: target, resource: text(resource), scopes };
    if (!(await approvals.isRemembered(issuer, client, approved))) return undefined;
    const path = resources.resolve(issuer, approved.resource)?.path ?? '';
    if (!(await options.isReady(issuer, accountId, path))) return undefined;
    // A person who may not go on is told so, on the way that asks.
    if (!(await mayUse(issuer, accountId, userRequestOf(client, params)))) return undefined;
    if (signInId !== undefined) await options.bindGrant(issuer, flowId, signInId);
    const grantId = await saveGrant(provider, { cid: flowId, params }, accountId, resources, issuer);
    const context = { flowId, clientId: client.clientId, subject: accountId, ...resourceMember(resource) };
    events.emit({ type: 'consent.granted', ...context, isRemembered: true });
    return grantId;
  };
}
