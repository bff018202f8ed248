/** An application of the company: its person is signed in there once, and never sees a page of any MCP server. */
import { createHash, randomBytes } from 'node:crypto';
import {
  Client,
  CrossAppAccessProvider,
  discoverAndRequestJwtAuthGrant,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';

export interface Agent {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

/** What a browser does: follows redirects, keeps cookies, and sends the one form on its way. */
async function browse(start: string, end: string, form: URLSearchParams): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = start;
  let isSent = false;
  while (!url.startsWith(end)) {
    const isPage: boolean = url.includes('/sign-in/') && !isSent;
    isSent ||= isPage;
    const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') };
    const request = isPage ? { method: 'POST', body: form } : {};
    const response: Response = await fetch(url, { ...request, headers, redirect: 'manual' });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`the sign-in ended with status ${response.status}`);
    url = new URL(location, url).href;
  }
  return new URL(url);
}

/**
 * Single sign-on at the company (OpenID Connect), with what a browser would do done here.
 * @returns the person's ID token
 */
export async function signIn(issuer: string, agent: Agent, name: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: agent.clientId,
    redirect_uri: agent.redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const callback = await browse(`${issuer}/auth?${query}`, agent.redirectUri, new URLSearchParams({ name }));
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: agent.redirectUri,
      code_verifier: verifier,
      client_id: agent.clientId,
      client_secret: agent.clientSecret,
    }),
  });
  const { id_token: idToken } = (await response.json()) as { id_token?: string };
  if (idToken === undefined) throw new Error('no ID token');
  return idToken;
}

/** Connects with the ID token alone: the SDK finds the authorization server, and asks here for an assertion for it. */
export async function connect(url: string, issuer: string, agent: Agent, idToken: string) {
  let assertion = '';
  const provider = new CrossAppAccessProvider({
    clientId: agent.clientId,
    clientSecret: agent.clientSecret,
    expectedIssuer: new URL(url).origin,
    async assertion({ authorizationServerUrl, resourceUrl, scope }) {
      const { jwtAuthGrant } = await discoverAndRequestJwtAuthGrant({
        idpUrl: issuer,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        idToken,
        clientId: agent.clientId,
        clientSecret: agent.clientSecret,
        ...(scope !== undefined && { scope }),
      });
      assertion = jwtAuthGrant;
      return jwtAuthGrant;
    },
  });
  const client = new Client({ name: 'assistant', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }));
  return { client, assertion: () => assertion, accessToken: () => provider.tokens()?.access_token ?? '' };
}
