/** A relying party by hand, for the fake identity provider: nothing is checked here. */
import { createHash } from 'node:crypto';
import type { FakeIdentityProvider } from '../../lib/testing.ts';
import { type Answer, type Parameters, postForm } from '../helpers/oauth-client.ts';

export const redirectUri = 'http://127.0.0.1:1/oauth/callback';
export const verifier = 'a verifier of at least forty-three characters, said once';

export function authorizationUrl(
  idp: FakeIdentityProvider,
  overrides: Record<string, string | undefined> = {},
): string {
  const url = new URL(String(idp.metadata.authorization_endpoint));
  const parameters: Record<string, string | undefined> = {
    client_id: idp.clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
    state: 'the state',
    nonce: 'the nonce',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...overrides,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href.replaceAll('+', '%20');
}

/** Signs alice in. @returns the parameters at the redirect URI */
export function signIn(
  idp: FakeIdentityProvider,
  overrides: Record<string, string | undefined> = {},
  user = 'alice',
): Record<string, string> {
  return Object.fromEntries(new URL(idp.signIn(authorizationUrl(idp, overrides), user)).searchParams);
}

/** With `client_secret_post` unless the parameters say otherwise. */
export function requestTokens(
  idp: FakeIdentityProvider,
  parameters: Parameters,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const credentials = { client_id: idp.clientId, client_secret: idp.clientSecret };
  return postForm(String(idp.metadata.token_endpoint), { ...credentials, ...parameters }, headers);
}

export function redeem(
  idp: FakeIdentityProvider,
  code: string | undefined,
  overrides: Parameters = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
  return requestTokens(idp, { ...grant, ...overrides }, headers);
}
