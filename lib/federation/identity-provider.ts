import * as oidc from 'openid-client';
import type { Identity } from '../shared/identity.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { ProviderTokens } from '../shared/provider-tokens.ts';
import {
  type IdTokenExpectation,
  verifyIdentifyingAccessToken,
  verifyIdToken,
  verifyProviderAccessToken,
} from './id-token.ts';
import { type Claims, describeIdentity, lacksClaims } from './identity-record.ts';
import { LoginError } from './login-error.ts';
import { createProviderConnection, type ProviderConnection } from './provider-connection.ts';
import { toLoginError } from './provider-failure.ts';
import { createProviderLogout, type ProviderLogout } from './provider-logout.ts';
import { type OidcLogin, tenantPlaceholder } from './resolve-login-options.ts';
import { type IdTokenSlot, takingIdToken } from './token-answer.ts';

/** The company's identity provider, as its OpenID Connect client. */
export interface IdentityProvider extends ProviderLogout {
  /** Where the browser signs in (OpenID Connect Core section 3.1.2.1, RFC 7636). @throws LoginError */
  authorizationUrl(request: {
    state: string;
    nonce: string;
    codeVerifier: string;
    redirectUri: string;
    prompt?: string;
    loginHint?: string;
    /** Seconds. */
    maxAge?: number;
    acrValues?: string;
  }): Promise<string>;
  /** Whether it takes `prompt=login`, so that nobody gets past it with an older login there. @throws LoginError */
  asksForLogin(): Promise<boolean>;
  /** Redeems the code of a callback and verifies who signed in. @throws LoginError */
  redeem(callback: URL, expected: { state: string; nonce: string; codeVerifier: string }): Promise<SignedIn>;
  /**
   * Asks again who a user is, with the tokens of an earlier login.
   * @returns undefined where these give no means to ask; no identity where the provider only confirmed the login
   * @throws LoginError; `provider_refused_refresh` where the tokens are of no use any more
   */
  refresh(tokens: ProviderTokens): Promise<Refreshed | undefined>;
  /** Whether its last answer, if any was asked for, came and was no outage. */
  isReachable(): boolean;
}

/** Who signed in, and what the provider gave for that person. */
export interface SignedIn {
  readonly identity: Identity;
  readonly tokens: ProviderTokens;
  /** Claims of the ID token, verified; none at a provider without. */
  readonly idTokenClaims: Claims;
}

/** What asking again brought. */
export interface Refreshed extends Pick<SignedIn, 'tokens'> {
  readonly identity: Identity | undefined;
  /** New tokens came, but nothing of the user that holds. Their refresh token counts: the one before may be spent. */
  readonly problem?: LoginError;
}

/** A refusal of the code means one of the refresh token, where that was sent. */
function refreshError(error: unknown): LoginError {
  const sortedError = toLoginError(error);
  const { problem } = sortedError;
  if (problem.reason !== 'provider_refused_code') return sortedError;
  return new LoginError({ reason: 'provider_refused_refresh', error: problem.error }, { cause: sortedError });
}

async function sorted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toLoginError(error);
  }
}

function tokensOf(answer: oidc.TokenEndpointResponse, { idToken }: IdTokenSlot, claims: Claims): ProviderTokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresIn } = answer;
  return {
    accessToken,
    ...(expiresIn !== undefined && { accessTokenExpiresAt: Math.floor(Date.now() / 1000) + expiresIn }),
    ...(typeof idToken === 'string' && { idToken, idTokenExpiresAt: Number(claims.exp) }),
    ...(refreshToken !== undefined && { refreshToken }),
  };
}

/** Values of `prompt` that the options and the request ask for, each once. */
function joinPrompts(...prompts: (string | undefined)[]): { prompt?: string } {
  const values = [...new Set(prompts.flatMap((prompt) => prompt?.split(' ') ?? []))].filter(Boolean);
  return values.length === 0 ? {} : { prompt: values.join(' ') };
}

/** What the provider takes for a prompt: a fresh login and the choice of an account stand in for each other. */
function takenPrompt(prompt: string | undefined, supported: unknown): string | undefined {
  const taken: readonly unknown[] = Array.isArray(supported) ? supported : ['login'];
  const instead: Readonly<Record<string, string>> = { login: 'select_account', select_account: 'login' };
  return prompt
    ?.split(' ')
    .map((value) => (taken.includes(value) ? value : instead[value]))
    .filter((value) => value !== undefined && taken.includes(value))
    .join(' ');
}

/** With an issuer for many tenants openid-client cannot compare `iss` of the callback (RFC 9207); its tenant is checked here. */
function withoutTenantIssuer(callback: URL, { issuer, allowedTenants }: OidcLogin): URL {
  const iss = callback.searchParams.get('iss');
  if (iss === null || !issuer.includes(tenantPlaceholder)) return callback;
  if (!allowedTenants.some((tenant) => issuer.replace(tenantPlaceholder, tenant) === iss)) {
    throw new LoginError({ reason: 'provider_answer_invalid', detail: 'iss of the callback is another issuer' });
  }
  const rest = new URL(callback);
  rest.searchParams.delete('iss');
  return rest;
}

/** Nothing is fetched before the first login, so the server starts without its identity provider. */
export function createIdentityProvider(login: OidcLogin, outbound: Outbound): IdentityProvider {
  const connection = createProviderConnection(login, outbound);
  const { resource, issuer, clientId, audiences, allowedTenants } = login;
  const resourceParameter: Record<string, string> = resource === undefined ? {} : { resource };
  const promptValues = (configuration: oidc.Configuration) =>
    login.promptValues ?? configuration.serverMetadata().prompt_values_supported;
  const expected = (nonce: string | undefined): IdTokenExpectation => {
    return { keys: connection.keys, issuer, allowedTenants, clientId, audiences, nonce };
  };

  /** Who the access token names, where it is the identity; nobody where an endpoint says so. */
  async function accessTokenClaims(accessToken: string, { user }: IdTokenSlot): Promise<Claims> {
    if (login.protocol === 'oidc' || login.userinfoUrl !== undefined) return {};
    return { user, ...(await verifyIdentifyingAccessToken(accessToken, expected(undefined))) };
  }

  async function signedIn(tokens: ProviderTokens, idTokenClaims: Claims): Promise<SignedIn> {
    const { accessTokenAudience: audience } = login;
    if (audience !== undefined) {
      await verifyProviderAccessToken(tokens.accessToken, { keys: connection.keys, issuer, audience });
    }
    const claims = await withUserinfo(login, connection, tokens.accessToken, idTokenClaims);
    const identity = await describeIdentity(
      typeof idTokenClaims.iss === 'string' ? idTokenClaims.iss : issuer,
      claims,
      login.identity,
      { accessToken: tokens.accessToken },
    );
    return { identity, tokens, idTokenClaims };
  }

  async function redeemRefresh(kept: ProviderTokens): Promise<Refreshed> {
    const { refreshToken = '' } = kept;
    const slot: IdTokenSlot = {};
    const configuration = await connection.configuration((fetch) => takingIdToken(fetch, slot));
    const answer = await oidc.refreshTokenGrant(configuration, refreshToken, resourceParameter);
    try {
      return await confirmedBy(answer, slot, refreshToken);
    } catch (error) {
      const tokens = { ...kept, refreshToken: answer.refresh_token ?? refreshToken };
      return { identity: undefined, tokens, problem: refreshError(error) };
    }
  }

  async function confirmedBy(
    answer: oidc.TokenEndpointResponse,
    slot: IdTokenSlot,
    refreshToken: string,
  ): Promise<Refreshed> {
    const claims =
      slot.idToken === undefined
        ? await accessTokenClaims(answer.access_token, slot)
        : await verifyIdToken(slot.idToken, expected(undefined));
    // Without rotation the token stays as it is (RFC 6749 section 6).
    const tokens = { refreshToken, ...tokensOf(answer, slot, claims) };
    // An ID token need not come (OpenID Connect Core section 12.2): new tokens are a confirmation by themselves.
    if (claims.sub === undefined && !(await hasUserinfo())) return { identity: undefined, tokens };
    return signedIn(tokens, claims);
  }

  /** A provider whose access tokens last has no refresh tokens (GitHub): its userinfo endpoint says who the user is now. */
  async function askWithAccessToken(tokens: ProviderTokens): Promise<Refreshed | undefined> {
    if (login.protocol === 'oidc' || !(await hasUserinfo())) return undefined;
    return signedIn(tokens, {});
  }

  async function hasUserinfo(): Promise<boolean> {
    return login.identity.userinfo !== 'never' && (await connection.endpoints()).userinfo !== undefined;
  }

  return {
    authorizationUrl: ({ state, nonce, codeVerifier, redirectUri, prompt, loginHint, maxAge, acrValues }) =>
      sorted(async () => {
        const { prompt: ownPrompt, ...parameters } = login.authorizationParameters;
        const configuration = await connection.configuration();
        const url = oidc.buildAuthorizationUrl(configuration, {
          ...parameters,
          ...resourceParameter,
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: login.scope,
          state,
          ...(login.protocol === 'oidc' && { nonce }),
          code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          ...joinPrompts(ownPrompt, takenPrompt(prompt, promptValues(configuration))),
          ...(loginHint !== undefined && { login_hint: loginHint }),
          ...(maxAge !== undefined && { max_age: String(maxAge) }),
          ...(acrValues !== undefined && { acr_values: acrValues }),
        });
        return url.href.replaceAll('+', '%20'); // A space as `+` is read literally by some (Amazon Cognito).
      }),

    asksForLogin: () =>
      sorted(async () => takenPrompt('login', promptValues(await connection.configuration())) === 'login'),

    redeem: (callback, { state, nonce, codeVerifier }) =>
      sorted(async () => {
        const slot: IdTokenSlot = {};
        const configuration = await connection.configuration((fetch) => takingIdToken(fetch, slot));
        const checks = { expectedState: state, pkceCodeVerifier: codeVerifier };
        const answer = await oidc.authorizationCodeGrant(
          configuration,
          withoutTenantIssuer(callback, login),
          checks,
          resourceParameter,
        );
        const claims =
          login.protocol === 'oidc'
            ? await verifyIdToken(slot.idToken, expected(nonce))
            : await accessTokenClaims(answer.access_token, slot);
        return signedIn(tokensOf(answer, slot, claims), claims);
      }),

    async refresh(kept) {
      try {
        return await (kept.refreshToken === undefined ? askWithAccessToken(kept) : redeemRefresh(kept));
      } catch (error) {
        throw refreshError(error);
      }
    },

    isReachable: connection.isReachable,
    ...createProviderLogout(login, connection),
  };
}

/** Claims of ID token and userinfo; where both speak, the ID token, which is signed. */
async function withUserinfo(
  login: OidcLogin,
  connection: ProviderConnection,
  accessToken: string,
  claims: Claims,
): Promise<Claims> {
  const { userinfo } = login.identity;
  const isIdentity = claims.sub === undefined;
  const isWanted = userinfo === 'always' || (userinfo === 'when_missing' && lacksClaims(claims, login.identity));
  if (!isIdentity && !isWanted) return claims;
  const { userinfo: url } = await connection.endpoints();
  if (url === undefined) {
    if (isIdentity) throw new LoginError({ reason: 'id_token_missing' });
    return claims;
  }
  const answer = await connection.readObject(url, 'userinfo', { authorization: `Bearer ${accessToken}` });
  // Another person's answer must never be mixed in (OpenID Connect Core section 5.3.2).
  if (!isIdentity && answer.sub !== claims.sub) {
    throw new LoginError({ reason: 'provider_answer_invalid', detail: 'userinfo: of another subject' });
  }
  return { ...answer, ...claims };
}
