import type { Identity } from '../shared/identity.ts';
import { claimAt, isStorable } from './claim-path.ts';
import { LoginError } from './login-error.ts';
import type { IdentityRules } from './resolve-login-options.ts';

/** Claims of one person, from ID token and userinfo together. */
export type Claims = Readonly<Record<string, unknown>>;

/** Claims of a profile that are kept; tokens and hashes are not. */
const profileClaims = [
  'name',
  'preferred_username',
  'given_name',
  'family_name',
  'email',
  'email_verified',
  'picture',
  'locale',
];

/**
 * `roles`, `role` and `groups`, also behind a namespace: `https://gateway.example.com/roles` (Auth0), `cognito:groups`. Not
 * `custom:role`, which users of Amazon Cognito may write themselves, and not `cognito:roles`, which are roles of AWS.
 */
const roleClaim = /^(?!custom:|cognito:roles?$)(?:.*[/:])?(?:roles?|groups)$/;

/** A text is one role, whatever it holds: split at its space, `not admin` would make an admin. */
function textList(value: unknown): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.filter((item): item is string => typeof item === 'string' && item !== '' && isStorable(item));
}

/** Roles of a claim that the options name: a list, a text, or an object whose members are named like the roles. */
function rolesOf(value: unknown, delimiter: string | undefined): string[] {
  if (typeof value === 'string' && delimiter !== undefined) return textList(value.split(delimiter));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return textList(value);
  const held = Object.entries(value).filter(([, member]) => member !== false && member !== null);
  return textList(held.map(([name]) => name));
}

function gatherRoles(claims: Claims, { rolesClaims }: IdentityRules): string[] {
  const roles = rolesClaims
    ? rolesClaims.flatMap(({ path, delimiter }) => rolesOf(claimAt(claims, path), delimiter))
    : Object.entries(claims).flatMap(([name, value]) => (roleClaim.test(name) ? textList(value) : []));
  return [...new Set(roles)];
}

/** Whether claims say anything of roles: where they do not, what was known before stays. */
export function namesRoles(claims: Claims, { rolesClaims }: IdentityRules): boolean {
  if (rolesClaims) return rolesClaims.some(({ path }) => claimAt(claims, path) !== undefined);
  return Object.keys(claims).some((name) => roleClaim.test(name));
}

/** JSON of which every text can be kept. */
function isKeepable(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value);
  if (Array.isArray(value)) return value.every(isKeepable);
  if (typeof value !== 'object' || value === null)
    return ['boolean', 'number'].includes(typeof value) || value === null;
  return Object.entries(value).every(([name, member]) => isStorable(name) && isKeepable(member));
}

function isProfileText(value: unknown): boolean {
  return typeof value === 'boolean' || (typeof value === 'string' && isStorable(value));
}

function keptClaims(claims: Claims, rules: IdentityRules): Record<string, unknown> {
  const profile = profileClaims
    .filter((name) => isProfileText(claims[name]))
    .map((name) => [name, claims[name]] as const);
  const chosen = rules.claims
    .map((path) => [path, claimAt(claims, path)] as const)
    .filter(([, value]) => value !== undefined && isKeepable(value));
  return Object.fromEntries([...profile, ...chosen]);
}

/** What names the person for good; numbers count (GitHub). @throws LoginError */
function subjectOf(claims: Claims, { subjectClaims }: IdentityRules): string {
  const parts = subjectClaims.map((name) => {
    const value = claimAt(claims, name);
    const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
    if (typeof text === 'string' && text !== '' && isStorable(text)) return text;
    throw new LoginError({ reason: 'identity_incomplete', detail: `no ${name}` });
  });
  return parts.length === 1 ? (parts[0] as string) : parts.map(encodeURIComponent).join(':');
}

function requireClaims(claims: Claims, { requiredClaims }: IdentityRules): void {
  for (const [path, allowed] of Object.entries(requiredClaims)) {
    const value = claimAt(claims, path);
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (!values.some((item) => typeof item === 'string' && allowed.includes(item))) {
      throw new LoginError({ reason: 'user_refused', detail: `claim ${path} is not as required` });
    }
  }
}

/** Whether the userinfo endpoint has to be asked after an ID token with these claims. */
export function lacksClaims(claims: Claims, rules: IdentityRules): boolean {
  const named = [
    ...rules.subjectClaims,
    ...rules.claims,
    ...Object.keys(rules.requiredClaims),
    ...(rules.rolesClaims ?? []).map(({ path }) => path),
  ];
  if (named.some((path) => claimAt(claims, path) === undefined)) return true;
  return !['name', 'email', 'preferred_username'].some((name) => typeof claims[name] === 'string');
}

/**
 * The identity that verified claims describe.
 * @throws LoginError where the subject is missing, a required claim is not there, or `mapIdentity` fails
 */
export async function describeIdentity(
  issuer: string,
  claims: Claims,
  rules: IdentityRules,
  login: { readonly accessToken?: string } = {},
): Promise<Identity> {
  const sub = subjectOf(claims, rules);
  requireClaims(claims, rules);
  const identity: Identity = { iss: issuer, sub, roles: gatherRoles(claims, rules), claims: keptClaims(claims, rules) };
  if (!rules.mapIdentity) return identity;
  return mapped(identity, await callMapIdentity(rules.mapIdentity, claims, login));
}

async function callMapIdentity(
  mapIdentity: NonNullable<IdentityRules['mapIdentity']>,
  claims: Claims,
  login: { readonly accessToken?: string },
): Promise<{ readonly roles?: unknown; readonly claims?: unknown }> {
  try {
    return (await mapIdentity(claims, login)) ?? {};
  } catch (cause) {
    throw new LoginError(
      { reason: 'identity_hook_failed', detail: `mapIdentity: ${(cause as Error)?.message}` },
      { cause },
    );
  }
}

function mapped(
  identity: Identity,
  { roles, claims }: { readonly roles?: unknown; readonly claims?: unknown },
): Identity {
  const more = typeof claims === 'object' && claims !== null ? Object.entries(claims) : [];
  return {
    ...identity,
    ...(roles !== undefined && { roles: [...new Set(textList(roles))] }),
    claims: { ...identity.claims, ...Object.fromEntries(more.filter(([, value]) => isKeepable(value))) },
  };
}
