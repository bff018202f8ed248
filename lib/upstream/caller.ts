import type { IncomingMessage } from 'node:http';
import { callerOf as checkedCallerOf, grantIdOf } from '../shared/caller.ts';
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

/** @throws Error where the request was not authenticated: a credential is never given to nobody */
export function callerOf(req: IncomingMessage, issuer: Issuer | undefined): Caller {
  const { identity, client } = checkedCallerOf(req);
  if (!issuer) throw new Error('the request is for no issuer of this server');
  const { token } = (req as IncomingMessage & { readonly auth: { readonly token: string } }).auth;
  return {
    issuer,
    identity,
    account: accountIdOf(identity),
    clientId: client.clientId,
    grantId: grantIdOf(token),
  };
}
