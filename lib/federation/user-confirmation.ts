import type { Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { UserPolicy, UserRequest } from '../shared/user-policy.ts';
import type { ProviderSessions } from './provider-sessions.ts';
import { namedLogins, type ResolvedLogin } from './resolve-login-options.ts';

/** A refresh that is about to be granted. */
export interface RefreshRequest extends UserRequest {
  readonly grantId: string;
  readonly accountId: string;
}

/** Whether a refresh goes on. */
export type RefreshDecision =
  /** `slides`: the lifetime of everything granted starts anew. */
  | { readonly kind: 'granted'; readonly slides: boolean }
  /** The user may not go on: the client has to sign in again. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nothing can be said now: the client tries again. */
  | { readonly kind: 'undecided'; readonly reason: string };

export interface UserConfirmationOptions {
  readonly identities: Identities;
  readonly sessions: ProviderSessions;
  readonly policy: UserPolicy | undefined;
  /** Whether a refresh starts lifetimes anew in any case. */
  readonly alwaysSlides: boolean;
  /** Lets the grant, and the sign-in that it was made in, live on from now. */
  readonly extendGrant: (issuer: Issuer, grantId: string) => Promise<void>;
}

/** Decides on every refresh of a client, before its refresh token is used up. @throws StorageUnavailableError */
export type UserConfirmation = (issuer: Issuer, request: RefreshRequest) => Promise<RefreshDecision>;

/** The user behind a refresh token as of now: what the identity provider says, then what the app says. */
export function createUserConfirmation(login: ResolvedLogin, options: UserConfirmationOptions): UserConfirmation {
  const { identities, sessions, policy } = options;
  const asksProvider = namedLogins(login).some((named) => named.login.offlineAccess);

  async function appRefusal(issuer: Issuer, request: RefreshRequest): Promise<RefreshDecision | undefined> {
    if (!policy) return undefined;
    const identity = await identities.find(issuer, request.accountId);
    // Nobody is let in unasked.
    if (!identity) return { kind: 'refused', reason: 'the record of the user has ended' };
    const verdict = await policy(identity, { client: request.client, resource: request.resource });
    switch (verdict.kind) {
      case 'allowed':
        return undefined;
      case 'refused':
        return { kind: 'refused', reason: 'authorizeUser: the user may not use this' };
      case 'undecided':
        return verdict;
    }
  }

  return async (issuer, request) => {
    const { grantId, accountId } = request;
    const confirmation = asksProvider ? await sessions.confirm(issuer, grantId) : undefined;
    if (confirmation?.kind === 'ended') return { kind: 'refused', reason: confirmation.reason };
    const refusal = await appRefusal(issuer, request);
    if (refusal) return refusal;
    const slides = confirmation?.kind === 'confirmed' || options.alwaysSlides;
    if (slides) {
      await options.extendGrant(issuer, grantId);
      const identity = await identities.find(issuer, accountId);
      if (identity) await identities.remember(issuer, identity);
    }
    return { kind: 'granted', slides };
  };
}
