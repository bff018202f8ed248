import type { OptionReader } from '../shared/option-reader.ts';
import type { IdentityOptions, OidcOptions } from './login-options.ts';

/** Where `oidc` of a preset carries what its `identity` says: a spread takes it along. */
const presetRules = Symbol('identity of the preset');

/** Members of `identity` on which depends who signs in, under which name and with which roles. */
const guarded = [
  'subjectClaims',
  'rolesClaims',
  'requiredClaims',
] as const satisfies readonly (keyof IdentityOptions)[];

/** `oidc` of a preset that remembers which rules go with it. */
export function withPresetRules(oidc: OidcOptions, identity: IdentityOptions): OidcOptions {
  return Object.defineProperty({ ...oidc }, presetRules, { value: identity, enumerable: true });
}

/**
 * `identity` beside `...preset` takes the place of the preset's. What that would drop without a word (`hd` of Google, the roles
 * claims of Cognito, whose users write others themselves) is a problem (CWE-863).
 * @param oidc as it was given
 */
export function requirePresetRules(oidc: unknown, identity: OptionReader): void {
  const rules = (Object(oidc) as { readonly [presetRules]?: IdentityOptions })[presetRules] ?? {};
  const advice = 'the preset sets it, and identity beside the preset drops that; give identity to the preset instead';
  for (const name of guarded) {
    if (rules[name] === undefined) continue;
    if (!identity.has(name)) identity.problem(name, `must be given: ${advice}`);
  }
  const required = Object(identity.value('requiredClaims')) as object;
  for (const claim of identity.has('requiredClaims') ? Object.keys(rules.requiredClaims ?? {}) : []) {
    if (!Object.hasOwn(required, claim)) identity.problem(`requiredClaims.${claim}`, `must be given: ${advice}`);
  }
}
