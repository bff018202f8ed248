import { interactionPolicy as policies } from 'oidc-provider';

/** What a browser's session is asked for. */
export interface SessionDemand {
  /** The sign-in that the session rests on. */
  readonly signInId: string | undefined;
  readonly resource: unknown;
  /** `max_age` of the request, seconds. */
  readonly maxAge: number | undefined;
}

/** Reads the demand from what oidc-provider knows of a request. */
export function demandOf(oidc: {
  readonly session?: { readonly acr?: unknown } | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}): SessionDemand {
  const { login_max_age: maxAge, resource } = oidc.params ?? {};
  const signInId = oidc.session?.acr;
  return {
    signInId: typeof signInId === 'string' ? signInId : undefined,
    resource,
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
  };
}

/**
 * oidc-provider's own policy, and two checks more. A session whose account is gone (its identity record has ended) asks for
 * a login instead of failing; so does one whose login is too old, or was made elsewhere than the resource asks for.
 */
export function interactionPolicy(
  suffices: (demand: SessionDemand) => Promise<boolean>,
): ReturnType<typeof policies.base> {
  const policy = policies.base();
  const login = policy.get('login');
  const accountGone = new policies.Check(
    'account_gone',
    'End-User authentication is required',
    'login_required',
    ({ oidc }) =>
      oidc.session?.accountId !== undefined && oidc.account === undefined && oidc.result?.login === undefined,
  );
  const insufficient = new policies.Check(
    'session_insufficient',
    'End-User authentication is required',
    'login_required',
    async ({ oidc }) =>
      oidc.session?.accountId !== undefined && oidc.result?.login === undefined && !(await suffices(demandOf(oidc))),
  );
  login?.checks.add(accountGone);
  login?.checks.add(insufficient);
  return policy;
}
