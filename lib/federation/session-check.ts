import type { Issuer } from '../shared/issuer.ts';
import type { Resources } from '../shared/resources.ts';
import type { SignIns } from '../shared/sign-ins.ts';

/** What a request asks of the browser's session. */
export interface SessionDemand {
  readonly signInId: string | undefined;
  /** Resource indicator. */
  readonly resource: unknown;
  /** Seconds. */
  readonly maxAge: number | undefined;
}

/** Whether the sign-in behind a session is recent enough (`max_age`), and of a provider that the resource accepts. */
export function createSessionCheck(
  signIns: SignIns,
  resources: Resources,
): (issuer: Issuer, demand: SessionDemand) => Promise<boolean> {
  return async (issuer, { signInId, resource, maxAge }) => {
    const accepted = typeof resource === 'string' ? resources.resolve(issuer, resource)?.identityProviders : undefined;
    if (accepted === undefined && maxAge === undefined) return true;
    const signIn = signInId === undefined ? undefined : await signIns.find(issuer, signInId);
    if (!signIn) return false;
    if (accepted !== undefined && (signIn.provider === undefined || !accepted.includes(signIn.provider))) return false;
    return maxAge === undefined || Math.floor(Date.now() / 1000) - signIn.authTime <= maxAge;
  };
}
