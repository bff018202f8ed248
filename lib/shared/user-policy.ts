import type { Identity } from './identity.ts';

/**
 * Decides whether a user may use a resource with a client: asked after the login, before a grant is made in a session, and
 * at every refresh. `true` lets the user in; `false` or a text, which the person reads, refuses. Where it throws, nobody is
 * let in and nothing is decided: a login fails, a refresh is answered with 503.
 */
export type AuthorizeUser = (identity: Identity, request: UserRequest) => boolean | string | Promise<boolean | string>;

/** What somebody wants to use, and with which client. */
export interface UserRequest {
  readonly client: {
    readonly id: string;
    /** What the client calls itself: anybody's text, unless you know the id. */
    readonly name?: string;
  };
  /** Canonical URL. */
  readonly resource: string;
}

/** The app's word on one user. */
export type UserVerdict =
  | { readonly kind: 'allowed' }
  /** `message` is for the person. `reason` for events, where it was not the app. */
  | { readonly kind: 'refused'; readonly message?: string; readonly reason?: string }
  /** The app's function failed: nobody is let in, and nobody is told that they may not. */
  | { readonly kind: 'undecided'; readonly reason: string };

/** Asks the app about a user. Never rejects. */
export type UserPolicy = (identity: Identity, request: UserRequest) => Promise<UserVerdict>;

/** @returns undefined where the app decides nothing */
export function createUserPolicy(authorizeUser: AuthorizeUser | undefined): UserPolicy | undefined {
  if (!authorizeUser) return undefined;
  return async (identity, request) => {
    try {
      const answer: unknown = await authorizeUser(identity, request);
      // Only a clear yes counts: a function that forgets to answer lets nobody in.
      if (answer === true) return { kind: 'allowed' };
      return { kind: 'refused', ...(typeof answer === 'string' && answer !== '' && { message: answer }) };
    } catch (error) {
      return { kind: 'undecided', reason: `authorizeUser: ${(error as Error | undefined)?.message}` };
    }
  };
}
