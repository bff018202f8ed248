import { createHash, randomBytes } from 'node:crypto';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';

/** Registers a public client by dynamic registration (RFC 7591 section 3). */
export async function registerPublicClient(issuer: string, redirectUri: string): Promise<string> {
  const response = await fetch(`${issuer}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Conformance suite',
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    }),
  });
  const answer = (await response.json()) as { client_id: string };
  if (response.status !== 201) throw new Error(`registration answered ${response.status}: ${JSON.stringify(answer)}`);
  return answer.client_id;
}

/**
 * What a person does with an authorization URL: allows the client, signs in at the dev login, is sent back.
 * @returns the last page: the client's answer, or the redirect to it where `browser` stops there
 */
export async function signIn(browser: Browser, authorizationUrl: string): Promise<Page> {
  const approval = await browser.get(authorizationUrl);
  const login = await browser.submit(approval, 'decision', { decision: 'approve' });
  return browser.submit(login, 'name', { name: 'alice' });
}

/** A whole authorization code flow with PKCE (S256) by a new public client. */
export async function obtainAccessToken(issuer: string, resource: string): Promise<string> {
  const redirectUri = 'http://127.0.0.1:9/callback';
  const clientId = await registerPublicClient(issuer, redirectUri);
  const codeVerifier = randomBytes(32).toString('base64url');
  const authorizationUrl = `${issuer}/oauth/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    resource,
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: randomBytes(16).toString('base64url'),
  })}`;
  const browser = createBrowser({ stopAt: (url) => url.startsWith(redirectUri) });
  const { location = '', text } = await signIn(browser, authorizationUrl);
  const code = URL.parse(location)?.searchParams.get('code');
  if (!code) throw new Error(`the sign-in gave no code: ${location || text}`);
  const response = await fetch(`${issuer}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: redirectUri,
      code_verifier: codeVerifier,
      code,
      resource,
    }),
  });
  const tokens = (await response.json()) as { access_token: string; error?: string };
  if (response.status !== 200) throw new Error(`the token endpoint answered ${response.status}: ${tokens.error}`);
  return tokens.access_token;
}
