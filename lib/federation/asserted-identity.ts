import type { AssertedIdentity } from '../shared/identity.ts';
import { type Claims, describeIdentity, namesRoles } from './identity-record.ts';
import { LoginError } from './login-error.ts';
import { type IdentityRules, issuersOf, namedLogins, type ResolvedLogin } from './resolve-login-options.ts';

/** Why a verified assertion gives no identity. */
export type AssertedIdentityProblem = 'tenant_unmapped' | 'subject_refused' | 'user_refused';

/**
 * The identity that a verified assertion describes: of a provider that people sign in at, by the rules of a login there,
 * so that both are one person; of another one, by the default rules.
 * @param subject known already, by the app's word
 * @throws LoginError where the app's `mapIdentity` failed
 */
export type DescribeAssertion = (
  claims: Claims & { readonly iss: string },
  subject?: string,
) => Promise<AssertedIdentity | AssertedIdentityProblem>;

const defaultRules: IdentityRules = Object.freeze({
  subjectClaims: ['sub'],
  rolesClaims: undefined,
  claims: [],
  requiredClaims: {},
  userinfo: 'never',
  mapIdentity: undefined,
  exposeTokens: false,
});

export function createDescribeAssertion(login: ResolvedLogin): DescribeAssertion {
  const providers = namedLogins(login).map((named) => named.login);
  return async (claims, subject) => {
    const provider = providers.find((known) => issuersOf(known).includes(claims.iss));
    const rules = provider?.identity ?? defaultRules;
    // `sub` is unique within the tenant only: two people would share an account (ID-JAG draft section 6).
    if (subject === undefined && claims.tenant !== undefined && !rules.subjectClaims.includes('tenant'))
      return 'tenant_unmapped';
    try {
      const known = subject === undefined ? rules : { ...rules, subjectClaims: ['sub'] };
      const { iss, sub, roles, claims: kept } = await describeIdentity(claims.iss, claims, known);
      const saysRoles = roles.length > 0 || namesRoles(claims, rules);
      return { iss, sub: subject ?? sub, claims: kept, ...(saysRoles && { roles }) };
    } catch (error) {
      if (!(error instanceof LoginError) || error.problem.reason === 'identity_hook_failed') throw error;
      return error.problem.reason === 'user_refused' ? 'user_refused' : 'subject_refused';
    }
  };
}

/** @returns the id, among several, of the provider that people sign in at and that issues under this name */
export function createProviderOf(login: ResolvedLogin): (iss: string) => string | undefined {
  const providers = namedLogins(login);
  return (iss) => providers.find((known) => issuersOf(known.login).includes(iss))?.id;
}
