import { LoginError } from './login-error.ts';
import type { LoginState } from './login-state.ts';

/** Clocks of two machines, and a page that takes a moment. */
const toleranceSeconds = 60;

/**
 * Whether the person proved who they are as recently as the client asked (OpenID Connect Core section 3.1.2.1, `max_age`
 * and `prompt=login`). Without a time that says so, nothing is assumed.
 * @param authTime UNIX seconds
 * @throws LoginError
 */
export function requireFresh({ maxAge, notBefore }: LoginState, authTime: number | undefined): void {
  if (maxAge === undefined && notBefore === undefined) return;
  if (authTime === undefined) throw new LoginError({ reason: 'login_not_fresh', detail: 'its time is not known' });
  const now = Math.floor(Date.now() / 1000);
  const earliest = Math.max(notBefore ?? 0, maxAge === undefined ? 0 : now - maxAge);
  if (authTime < earliest - toleranceSeconds) {
    throw new LoginError({ reason: 'login_not_fresh', detail: `${now - authTime} s old` });
  }
}
