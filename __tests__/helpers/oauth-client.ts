/**
 * An OAuth client by hand, one HTTP request a method, for tests that send what no client library would.
 *
 * Every parameter can be replaced, left out (`undefined`) or repeated (an array). Nothing is checked here.
 */
import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Browser, Page } from './browser.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; `undefined` where it is none. */
  readonly json: Record<string, unknown> | undefined;
}

export interface Sent {
  /** @defaultValue POST with a body, else GET */
  readonly method?: string;
  /** Pairs may repeat a name. Host is the URL's unless given. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body?: string | Buffer;
  /** Request target as it goes over the wire, instead of the URL's. */
  readonly target?: string;
}

/** One request on a connection of its own: any header, any request target, no redirects followed. */
export function send(url: string, { headers = {}, body, target, ...rest }: Sent = {}): Promise<Answer> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const given = Array.isArray(headers) ? headers : Object.entries(headers);
  const has = (name: string) => given.some(([candidate]) => candidate.toLowerCase() === name);
  const method = rest.method ?? (body === undefined ? 'GET' : 'POST');
  const all = [
    ...(has('host') ? [] : [['Host', host]]),
    ...given,
    // With `transfer-encoding: chunked` Node cuts the body into chunks itself.
    ...(body === undefined || has('content-length') || has('transfer-encoding')
      ? []
      : [['Content-Length', String(Buffer.byteLength(body))]]),
  ].flat();
  return new Promise((resolve, reject) => {
    const path = target ?? pathname + search;
    const request = httpRequest({ host: hostname, port, method, path, headers: all, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      response.toArray().then((chunks) => {
        const answer = new Headers();
        for (let index = 0; index + 1 < response.rawHeaders.length; index += 2)
          answer.append(response.rawHeaders[index] as string, response.rawHeaders[index + 1] as string);
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: answer, text, json: parsed(text) });
      }, reject);
    });
    request.end(body);
  });
}

function parsed(text: string): Answer['json'] {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

function encode(parameters: Parameters): string {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    for (const item of value === undefined ? [] : [value].flat()) encoded.append(name, item);
  return encoded.toString();
}

/** Posts a form. */
export function postForm(url: string, parameters: Parameters, headers: Record<string, string> = {}): Promise<Answer> {
  const type = 'application/x-www-form-urlencoded';
  return send(url, { headers: { 'content-type': type, ...headers }, body: encode(parameters) });
}

/** Posts a value as JSON; text goes as it is. */
export function postJson(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return send(url, { headers: { 'content-type': 'application/json', ...headers }, body: text });
}

/** `POST /oauth/register` of RFC 7591. */
export function register(issuer: string, metadata: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return postJson(`${issuer}/oauth/register`, metadata, headers);
}

export function basic(clientId: string, secret: string): { authorization: string } {
  const credentials = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** The parameters of the redirect at which a browser stopped. */
export function callbackOf(page: Page): Record<string, string> {
  return Object.fromEntries(new URL(page.location ?? 'about:blank').searchParams);
}

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly redirectUri: string;
  /** PKCE verifier of every request of this client. */
  readonly verifier: string;
  authorizeUrl(overrides?: Parameters): string;
  /** Approves and signs in as `name`. @returns the page that stopped at the redirect URI */
  authorize(browser: Browser, overrides?: Parameters, person?: { name?: string; roles?: string }): Promise<Page>;
  /** The same. @returns the code */
  login(browser: Browser, overrides?: Parameters, person?: { name?: string; roles?: string }): Promise<string>;
  /** The token request of a code. */
  redeem(code: string, overrides?: Parameters, headers?: Record<string, string>): Promise<Answer>;
  refresh(refreshToken: string, overrides?: Parameters, headers?: Record<string, string>): Promise<Answer>;
  revoke(token: string, overrides?: Parameters, headers?: Record<string, string>): Promise<Answer>;
  introspect(token: string, overrides?: Parameters, headers?: Record<string, string>): Promise<Answer>;
}

/** Registers a client, public with a loopback redirect URI unless `metadata` says otherwise. */
export async function createOAuthClient(
  issuer: string,
  metadata: Record<string, unknown> = {},
  resource = `${issuer}/mcp`,
): Promise<OAuthClient> {
  const redirectUri = 'http://127.0.0.1:1/callback';
  const registered = await register(issuer, { redirect_uris: [redirectUri], ...metadata });
  if (registered.status !== 201) throw new Error(`registration answered ${registered.status}: ${registered.text}`);
  const { client_id, client_secret, redirect_uris, token_endpoint_auth_method: method } = registered.json ?? {};
  const clientId = String(client_id);
  const clientSecret = client_secret === undefined ? undefined : String(client_secret);
  const ownRedirectUri = String((redirect_uris as string[])[0]);
  const verifier = randomBytes(32).toString('base64url');

  /** What the registered method sends (RFC 6749 section 2.3.1). */
  const inBody: Parameters =
    method === 'client_secret_basic'
      ? {}
      : { client_id: clientId, ...(clientSecret !== undefined && { client_secret: clientSecret }) };
  const inHeader = method === 'client_secret_basic' ? basic(clientId, clientSecret ?? '') : {};
  const call = (path: string) => (parameters: Parameters, headers: Record<string, string> | undefined) =>
    postForm(`${issuer}/oauth/${path}`, { ...inBody, ...parameters }, { ...inHeader, ...headers });
  const [token, revocation, introspection] = [call('token'), call('revoke'), call('introspect')];

  const client: OAuthClient = {
    clientId,
    clientSecret,
    redirectUri: ownRedirectUri,
    verifier,

    authorizeUrl: (overrides = {}) =>
      `${issuer}/oauth/authorize?${encode({
        client_id: clientId,
        redirect_uri: ownRedirectUri,
        response_type: 'code',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        resource,
        state: 'the state',
        ...overrides,
      })}`,

    async authorize(browser, overrides, { name = 'alice', roles = '' } = {}) {
      const stopAt = (url: string) => !url.startsWith(issuer);
      const approval = await browser.get(client.authorizeUrl(overrides), { stopAt });
      const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
      return signIn.location === undefined ? browser.submit(signIn, 'name', { name, roles }, { stopAt }) : signIn;
    },

    async login(browser, overrides, person) {
      const page = await client.authorize(browser, overrides, person);
      const { code } = callbackOf(page);
      if (code === undefined) throw new Error(`no code at ${page.location ?? page.url} (${page.status}): ${page.text}`);
      return code;
    },

    redeem: (code, overrides = {}, headers) =>
      token(
        {
          grant_type: 'authorization_code',
          code,
          redirect_uri: ownRedirectUri,
          code_verifier: verifier,
          resource,
          ...overrides,
        },
        headers,
      ),
    refresh: (refreshToken, overrides = {}, headers) =>
      token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...overrides }, headers),
    revoke: (presented, overrides = {}, headers) => revocation({ token: presented, ...overrides }, headers),
    introspect: (presented, overrides = {}, headers) => introspection({ token: presented, ...overrides }, headers),
  };
  return client;
}
