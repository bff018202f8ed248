import { asymmetricAlgorithms } from '../shared/signature-algorithms.ts';
import { type LogoutClaims, LogoutTokenError, verifyLogoutToken } from './logout-token.ts';
import type { ProviderConnection } from './provider-connection.ts';
import { issuersOf, type OidcLogin } from './resolve-login-options.ts';

/** Logout at one identity provider, both ways. */
export interface ProviderLogout {
  /** Whether a token with this `iss` would be one of its own. */
  issues(iss: string): boolean;
  /** Reads a logout token that it sent. @throws LogoutTokenError @throws LoginError where its keys cannot be had */
  verifyLogoutToken(token: string): Promise<LogoutClaims>;
  /**
   * Where the browser is signed out there and sent back to `returnUri` (OpenID Connect RP-Initiated Logout 1.0 section 2).
   * @returns undefined where it has no such place
   * @throws LoginError where its discovery document cannot be had
   */
  logoutUrl(request: { idToken: string | undefined; returnUri: string }): Promise<string | undefined>;
}

/** A longer ID token stays out of the URL, which servers limit to 8 KB: the client id then names the sender. */
const maxHintLength = 4096;

export function createProviderLogout(login: OidcLogin, connection: ProviderConnection): ProviderLogout {
  const { clientId, logout } = login;
  const issuers = issuersOf(login);

  return {
    issues: (iss) => issuers.includes(iss),

    async verifyLogoutToken(token) {
      // No outage, which would have it sent again and again.
      if (login.protocol === 'oauth2' && login.jwksUrl === undefined)
        throw new LogoutTokenError('its issuer has no keys: oauth2 without oidc.jwksUrl');
      return verifyLogoutToken(token, {
        keys: connection.keys,
        issuer: issuers,
        clientId,
        algorithms: asymmetricAlgorithms,
      });
    },

    async logoutUrl({ idToken, returnUri }) {
      if (logout === false) return undefined;
      const { endSession } = await connection.endpoints();
      if (endSession === undefined) return undefined;
      const url = new URL(endSession);
      url.searchParams.set(logout.clientIdParameter, clientId);
      url.searchParams.set(logout.returnParameter, returnUri);
      if (logout.idTokenHint && idToken !== undefined && idToken.length <= maxHintLength)
        url.searchParams.set('id_token_hint', idToken);
      return url.href;
    },
  };
}
