import type { JWTPayload } from 'jose';
import type { Logins } from './logins.ts';
import type { Misbehaviour } from './misbehaviour.ts';
import type { ProviderBehaviour, ProviderProfile, SimulatedUser } from './profile.ts';
import type { SignToken } from './signer.ts';

/** The values of a behaviour without their sources. */
export type Behaviour = { readonly [Name in keyof ProviderBehaviour]: ProviderBehaviour[Name]['value'] };

/** What the endpoints of one fake identity provider share. */
export interface ProviderContext {
  readonly profile: ProviderProfile;
  readonly behaviour: Behaviour;
  readonly issuer: string;
  /** The discovery document as it is served. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** A value of the profile as it is served. */
  readonly resolve: <T>(value: T) => T;
  readonly client: {
    readonly id: string;
    readonly secret: string;
    readonly isPublic: boolean;
    readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
    readonly redirectUris: readonly string[];
    readonly postLogoutRedirectUris: readonly string[];
  };
  readonly users: Readonly<Record<string, SimulatedUser>>;
  readonly logins: Logins;
  readonly misbehave: Misbehaviour;
  /** Whoever signs in without being asked. */
  readonly signInAs: () => string | undefined;
  readonly sign: SignToken;
  readonly publicKeys: () => readonly Readonly<Record<string, unknown>>[];
  /** Seconds. */
  readonly now: () => number;
}

/** The claims that a login's scopes release. */
export function releasedClaims(
  { profile, resolve }: ProviderContext,
  claims: Readonly<Record<string, unknown>>,
  scopes: readonly string[],
): JWTPayload {
  const withheld = Object.entries(profile.scopedClaims).flatMap(([scope, names]) =>
    scopes.includes(scope) ? [] : names,
  );
  return Object.fromEntries(Object.entries(resolve(claims)).filter(([name]) => !withheld.includes(name)));
}
