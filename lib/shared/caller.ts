import type { IncomingMessage } from 'node:http';
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
  readonly auth?: { readonly clientId: string; readonly scopes: readonly string[] };
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
