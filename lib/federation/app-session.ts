import { OAuthError } from '../errors.ts';
import { browserSession } from '../shared/browser-session.ts';
import type { EventSink } from '../shared/events.ts';
import type { Exchange } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { type SignIns, signInKey } from '../shared/sign-ins.ts';
import { LoginError } from './login-error.ts';
import type { ResolvedOwnLogin } from './own-login-options.ts';

export interface AppSessionOptions {
  readonly login: ResolvedOwnLogin;
  /** Account that the app knows the browser as. @throws LoginError */
  readonly accountOf: (exchange: Exchange) => Promise<string | undefined>;
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly signIns: SignIns;
  readonly events: EventSink;
}

/** The session here rests on the app's: it ends with it, and ends it. */
export interface AppSession {
  /**
   * Ends the session here where the app knows nobody, or somebody else.
   * @throws OAuthError `temporarily_unavailable`, 503, where the app cannot say: nobody's session ends for that
   */
  settleSession(exchange: Exchange): Promise<void>;
  /** Ends the app's session; the browser goes nowhere for that. */
  leave(exchange: Exchange): Promise<undefined>;
}

export function createAppSession({ login, accountOf, provider, signIns, events }: AppSessionOptions): AppSession {
  async function accountNow(exchange: Exchange): Promise<string | undefined> {
    try {
      return await accountOf(exchange);
    } catch (cause) {
      if (!(cause instanceof LoginError)) throw cause;
      throw new OAuthError('temporarily_unavailable', 503, 'the server cannot answer now; try again', { cause });
    }
  }

  return {
    async settleSession(exchange) {
      const { issuer } = exchange;
      const { accountId, acr } = await browserSession((await provider(issuer)).provider, exchange);
      if (accountId === undefined || acr === undefined || (await accountNow(exchange)) === accountId) return;
      await signIns.end(signInKey(issuer, acr));
      events.emit({
        type: 'session.ended',
        reason: 'the app’s session ended',
        subject: accountId,
        sessions: 1,
        grants: 0,
      });
    },

    async leave({ req, res }) {
      try {
        await login.onLogout?.(req, res);
      } catch (error) {
        events.emit({ type: 'logout.refused', reason: `login.onLogout: ${(error as Error)?.message ?? 'rejected'}` });
      }
      return undefined;
    },
  };
}
