import type { IncomingMessage } from 'node:http';
import { accountIdOf } from './account-id.ts';
import type { EventContext } from './events.ts';
import type { Identity } from './identity.ts';

/** The client that calls for somebody. */
export interface CallingClient {
  readonly clientId: string;
  /** Scopes of its token. */
  readonly scopes: readonly string[];
}

/** Who calls, by which client. */
export interface Caller {
  readonly identity: Identity;
  readonly client: CallingClient;
}

type CheckedRequest = IncomingMessage & {
  readonly auth?: {
    readonly token: string;
    readonly clientId: string;
    readonly scopes: readonly string[];
    readonly resource?: URL | undefined;
  };
  readonly user?: {
    readonly iss: string;
    readonly sub: string;
    readonly data: { readonly roles: readonly string[]; readonly [claim: string]: unknown };
  };
};

/**
 * The caller of a request that has passed the check of its token.
 * @throws Error where it has not
 */
export function callerOf(req: IncomingMessage): Caller {
  const { auth, user } = req as CheckedRequest;
  if (!auth || !user) throw new Error('the request has not passed authenticate');
  const { roles, clientId: _, ...claims } = user.data;
  return {
    identity: { iss: user.iss, sub: user.sub, roles, claims },
    client: { clientId: auth.clientId, scopes: auth.scopes },
  };
}

/** The grant that the token of a checked request belongs to; it is also the flow that led here. */
export function grantIdOf(token: string): string {
  return token.replace(/^grant:/, '');
}

/** What the events of a request have in common, once its token was checked: the actor, the resource and the flow. */
export function callContext(req: IncomingMessage): EventContext {
  const { auth, user } = req as CheckedRequest;
  if (!auth || !user) return {};
  return {
    flowId: grantIdOf(auth.token),
    clientId: auth.clientId,
    subject: accountIdOf(user),
    ...(auth.resource && { resource: auth.resource.href }),
  };
}
