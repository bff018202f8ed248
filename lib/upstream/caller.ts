import type { IncomingMessage } from 'node:http';
import { accountIdOf, type Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';

/** Who makes a call, as `authenticate` found out. */
export interface Caller {
  readonly issuer: Issuer;
  readonly identity: Identity;
  readonly account: string;
  readonly clientId: string;
  /** What the call's token belongs to: one client of one person. */
  readonly grantId: string;
}

type AuthenticatedRequest = IncomingMessage & {
  readonly auth?: { readonly token: string; readonly clientId: string };
  readonly user?: {
    readonly iss: string;
    readonly sub: string;
    readonly data: { readonly roles: readonly string[] } & Readonly<Record<string, unknown>>;
  };
};

/** @throws TypeError where the request was not authenticated: a credential is never given to nobody */
export function callerOf(req: IncomingMessage, issuer: Issuer | undefined): Caller {
  const { auth, user } = req as AuthenticatedRequest;
  if (!auth || !user || !issuer) throw new TypeError('an upstream credential needs an authenticated request');
  const { roles, clientId: _, ...claims } = user.data;
  const identity: Identity = { iss: user.iss, sub: user.sub, roles, claims };
  return {
    issuer,
    identity,
    account: accountIdOf(identity),
    clientId: auth.clientId,
    grantId: auth.token.replace(/^grant:/, ''),
  };
}
