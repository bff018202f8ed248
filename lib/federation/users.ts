import type { EventSink } from '../shared/events.ts';
import type { Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { createProviderTokenVault } from '../shared/provider-tokens.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { UserPolicy } from '../shared/user-policy.ts';
import type { Storage } from '../storage/storage.ts';
import type { IdentityProvider } from './identity-provider.ts';
import { createProviderSessions, type ProviderSessions } from './provider-sessions.ts';
import type { ResolvedLogin } from './resolve-login-options.ts';
import { createUserConfirmation, type UserConfirmation } from './user-confirmation.ts';

/** Users after their login: what the identity provider gave for them, and whether their clients may go on. */
export interface Users {
  readonly providerSessions: ProviderSessions;
  /** Decides on every refresh. */
  readonly confirm: UserConfirmation;
}

export interface UsersOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly identities: Identities;
  readonly events: EventSink;
  readonly policy: UserPolicy | undefined;
  /** Whether a refresh starts lifetimes anew in any case. */
  readonly alwaysSlides: boolean;
  /** Life of the provider's tokens, seconds: as long as anything granted with them may live. */
  readonly tokenSeconds: number;
  readonly signInOf: (issuer: Issuer, grantId: string) => Promise<string | undefined>;
  readonly grantLifetime: {
    extend(issuer: Issuer, grantId: string): Promise<void>;
    endSignIn(key: string): Promise<void>;
  };
  /** One of several by its name; without a name the only one. */
  readonly identityProvider: (name: string | undefined) => IdentityProvider | undefined;
}

export function createUsers(login: ResolvedLogin, options: UsersOptions): Users {
  const { storage, keyRing, identities, events, policy, alwaysSlides, grantLifetime } = options;
  const providerSessions = createProviderSessions(login, {
    storage,
    vault: createProviderTokenVault({ storage, keyRing, lifetimeSeconds: options.tokenSeconds }),
    identities,
    events,
    signInOf: options.signInOf,
    endSignIn: grantLifetime.endSignIn,
    identityProvider: options.identityProvider,
  });
  const confirm = createUserConfirmation(login, {
    identities,
    sessions: providerSessions,
    policy,
    alwaysSlides,
    extendGrant: grantLifetime.extend,
  });
  return { providerSessions, confirm };
}
