import { interactionPolicy as policies } from 'oidc-provider';

/**
 * oidc-provider's own policy, and one check more: a session whose account is gone (its identity record has ended) asks for
 * a login instead of failing.
 */
export function interactionPolicy(): ReturnType<typeof policies.base> {
  const policy = policies.base();
  const login = policy.get('login');
  const accountGone = new policies.Check(
    'account_gone',
    'End-User authentication is required',
    'login_required',
    ({ oidc }) =>
      oidc.session?.accountId !== undefined && oidc.account === undefined && oidc.result?.login === undefined,
  );
  login?.checks.add(accountGone);
  return policy;
}
