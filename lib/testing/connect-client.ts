/** What an MCP client, its browser and the person in front of it do until there is a token, for tests of an app of one's own. */
import { createHash, randomBytes } from 'node:crypto';
import type { FakeIdentityProvider } from './fake-identity-provider.ts';
import { createLoopbackClient, type LoopbackAnswer, type LoopbackClient } from './loopback-client.ts';

/** Who connects to what. */
export interface ConnectClientOptions {
  /** URL of the MCP route, http on loopback, such as `http://127.0.0.1:3000/mcp`. */
  readonly url: string;
  /** A name of the fake provider's `users`. */
  readonly user: string;
  /** Scopes to ask for. @defaultValue those of the route */
  readonly scope?: string;
}

/** What a client has after it was connected. */
export interface ConnectedTestClient {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly clientId: string;
  readonly tokenEndpoint: string;
}

const redirectUri = 'http://127.0.0.1:1/callback';
const maxSteps = 15;

/**
 * Connects a client as a person would: finds the authorization server by the route's challenge, registers, allows itself,
 * signs in at the fake provider and redeems the code. Every call is another client in another browser.
 * @example
 * const { accessToken } = await connectClient(idp, { url: 'http://127.0.0.1:3000/mcp', user: 'alice' });
 * const answer = await fetch('http://127.0.0.1:3000/mcp', { method: 'POST', headers: { authorization: `Bearer ${accessToken}` } });
 * @throws Error that says at which step the app or the provider refused
 */
export async function connectClient(
  idp: FakeIdentityProvider,
  { url, user, scope }: ConnectClientOptions,
): Promise<ConnectedTestClient> {
  const client = createLoopbackClient();
  const { resource, server } = await discover(client, url);
  const registration = await client.post(server.registration_endpoint, {
    type: 'application/json',
    body: JSON.stringify({ redirect_uris: [redirectUri], client_name: 'Test client' }),
  });
  const clientId = String(jsonOf(registration, 201, 'registration').client_id);

  const verifier = randomBytes(32).toString('base64url');
  const authorization = new URL(server.authorization_endpoint);
  authorization.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource,
    ...(scope !== undefined && { scope }),
  }).toString();
  const code = await walk(client, idp, authorization.href, user);

  const answer = await client.post(server.token_endpoint, {
    type: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
      resource,
    }).toString(),
  });
  const { access_token: accessToken, refresh_token: refreshToken } = jsonOf(answer, 200, 'token request');
  return {
    accessToken: String(accessToken),
    refreshToken: typeof refreshToken === 'string' ? refreshToken : undefined,
    clientId,
    tokenEndpoint: server.token_endpoint,
  };
}

interface AuthorizationServer {
  readonly registration_endpoint: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
}

/** From the route to its authorization server (RFC 9728 section 5, RFC 8414 section 3). */
async function discover(client: LoopbackClient, url: string) {
  const challenge = (await client.post(url, { type: 'application/json', body: '{}' })).headers['www-authenticate'];
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge ?? '')?.[1];
  if (metadataUrl === undefined) throw new Error(`${url} does not challenge a request without a token`);
  const metadata = jsonOf(await client.get(metadataUrl), 200, 'resource metadata');
  const issuer = new URL(String((metadata.authorization_servers as unknown[])[0]));
  const path = issuer.pathname === '/' ? '' : issuer.pathname;
  const found = await client.get(`${issuer.origin}/.well-known/oauth-authorization-server${path}`);
  const server = jsonOf(found, 200, 'authorization server metadata') as unknown as AuthorizationServer;
  return { resource: String(metadata.resource), server };
}

/** Follows redirects and allows what is asked, up to the client's redirect URI. @returns the code */
async function walk(client: LoopbackClient, idp: FakeIdentityProvider, start: string, user: string): Promise<string> {
  let [current, answer] = [start, await client.get(start)];
  for (let step = 0; step < maxSteps; step += 1) {
    const { location } = answer.headers;
    if (location !== undefined) {
      const target = new URL(location, current);
      if (target.href.startsWith(redirectUri)) return codeOf(target);
      const isSignIn = target.origin + target.pathname === idp.metadata.authorization_endpoint;
      current = isSignIn ? idp.signIn(target.href, user) : target.href;
      answer = await client.get(current);
    } else {
      const action = /<form[^>]* action="([^"]+)"/.exec(answer.body)?.[1];
      const csrf = /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1];
      if (action === undefined || csrf === undefined) throw refusal('a page', answer);
      current = new URL(action, current).href;
      const body = new URLSearchParams({ csrf, decision: 'approve' }).toString();
      answer = await client.post(current, { type: 'application/x-www-form-urlencoded', body });
    }
  }
  throw new Error(`no code after ${maxSteps} steps`);
}

function codeOf({ searchParams }: URL): string {
  const code = searchParams.get('code');
  if (code !== null) return code;
  throw new Error(`refused: ${searchParams.get('error')}: ${searchParams.get('error_description')}`);
}

function jsonOf(answer: LoopbackAnswer, status: number, what: string): Record<string, unknown> {
  if (answer.status !== status) throw refusal(what, answer);
  return JSON.parse(answer.body) as Record<string, unknown>;
}

function refusal(what: string, { status, body }: LoopbackAnswer): Error {
  const text = body.replace(/<style[\s\S]*?<\/style>|<[^>]*>/g, ' ').replace(/\s+/g, ' ');
  return new Error(`${what} answered ${status}: ${text.trim().slice(0, 500)}`);
}
