import type { IncomingMessage } from 'node:http';
import { callerOf } from '../shared/caller.ts';
import { accountIdOf, type Identities, type Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { ProviderTokens } from '../shared/provider-tokens.ts';
import type { ProviderSessions } from './provider-sessions.ts';

/** The user of a request as the server knows them now. */
export interface UserIdentity extends Identity {
  /**
   * With `identity.exposeTokens` only: what the identity provider issued at the login, renewed where it was about to run out
   * and a refresh token is kept. The refresh token itself stays here.
   */
  readonly tokens?: Omit<ProviderTokens, 'refreshToken'>;
}

/**
 * The identity behind an authenticated request, read anew: roles are those of the last login or refresh.
 * @returns undefined where the record has ended meanwhile
 * @throws Error where `authenticate` did not let this request through; StorageUnavailableError
 */
export type ReadUserIdentity = (req: IncomingMessage) => Promise<UserIdentity | undefined>;

export interface UserIdentityOptions {
  readonly identities: Identities;
  readonly tokens: Pick<ProviderSessions, 'forApp'>;
  readonly issuerOf: (req: IncomingMessage) => Issuer | undefined;
}

export function createReadUserIdentity(options: UserIdentityOptions): ReadUserIdentity {
  return async (req) => {
    const { identity: caller } = callerOf(req);
    const issuer = options.issuerOf(req);
    const identity = issuer && (await options.identities.find(issuer, accountIdOf(caller)));
    if (!issuer || !identity) return undefined;
    const { token } = (req as IncomingMessage & { readonly auth: { readonly token: string } }).auth;
    const found = await options.tokens.forApp(issuer, token.replace(/^grant:/, ''));
    if (!found) return identity;
    const { refreshToken: _, ...tokens } = found;
    return { ...identity, tokens };
  };
}
