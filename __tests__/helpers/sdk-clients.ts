/**
 * The two real MCP SDK clients with a person at a scripted browser.
 *
 * 1. `connect` is refused; the SDK discovers the authorization server and registers.
 * 2. The SDK hands its authorization URL to the provider: the browser approves and signs in up to the redirect URI.
 * 3. The SDK redeems the code, and a second client connects with the tokens kept in memory.
 */
import { randomUUID } from 'node:crypto';
import {
  Client as ClientV2,
  type OAuthClientProvider as ProviderV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedErrorV2,
} from '@modelcontextprotocol/client';
import {
  type OAuthClientProvider as ProviderV1,
  UnauthorizedError as UnauthorizedErrorV1,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type Browser, createBrowser } from './browser.ts';

/** What the person types on the sign-in page: any control of its form, and the values. */
export interface SignIn {
  readonly form: string;
  readonly fields: Readonly<Record<string, string>>;
}

export const atDevLogin = (name = 'alice', roles = ''): SignIn => ({ form: 'name', fields: { name, roles } });

/** @param login a user of `startIdentityProvider()` */
export const atIdentityProvider = (login = 'alice'): SignIn => ({ form: 'login', fields: { login } });

const withoutQuery = (url: string) => url.split('?', 1)[0] ?? url;

/**
 * Goes from an authorization URL to its redirect URI, which is not fetched: allows the client on our page and signs in
 * on any other. `trail` is every URL on the way, redirects included, without queries.
 */
export async function approve(
  browser: Browser,
  authorizationUrl: string,
  signIn: SignIn,
): Promise<{ callback: URL; trail: readonly string[] }> {
  const redirectUri = new URL(authorizationUrl).searchParams.get('redirect_uri');
  const stopAt = (url: string) => withoutQuery(url) === redirectUri;
  const trail: string[] = [];
  let page = await browser.get(authorizationUrl, { stopAt });
  for (;;) {
    trail.push(...[...page.redirects, page].map(({ url }) => withoutQuery(url)));
    if (page.location !== undefined) return { callback: new URL(page.location), trail };
    if (page.status !== 200 || trail.length > 40) throw new Error(`${page.status} at ${page.url}: ${page.text}`);
    const isOurs = page.forms.some(({ controls }) => controls.some(({ name }) => name === 'decision'));
    page = isOurs
      ? await browser.submit(page, 'decision', { decision: 'approve' }, { stopAt })
      : await browser.submit(page, signIn.form, signIn.fields, { stopAt });
  }
}

/** What an SDK keeps between connections. Live: change it to lose or corrupt a token. */
export interface ClientMemory {
  tokens?: { access_token: string; refresh_token?: string; token_type: string; scope?: string; expires_in?: number };
  clientInformation?: { client_id: string; client_secret?: string; redirect_uris?: unknown };
}

/** One request of the SDK and its answer. */
export interface SentRequest {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly challenge: string | null;
}

export interface ConnectOptions {
  /** The MCP endpoint: all that a user gives. */
  readonly url: string;
  /** @defaultValue alice at the dev login */
  readonly signIn?: SignIn;
  /** @defaultValue a new one, signed in nowhere */
  readonly browser?: Browser;
  /** Of an earlier connection. @defaultValue empty, so that the client registers itself */
  readonly memory?: ClientMemory;
  /** Added to every request to the MCP endpoint. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CallOptions {
  readonly onProgress?: (progress: number) => void;
  readonly signal?: AbortSignal;
}

/** A connected client of either SDK. */
export interface SdkConnection {
  readonly protocolVersion: string | undefined;
  readonly memory: ClientMemory;
  /** Every URL the browser was at, without queries; empty where no authorization was needed. */
  readonly trail: readonly string[];
  /** Every request so far, in the order of the answers. */
  readonly requests: readonly SentRequest[];
  readonly sessionId: () => string | undefined;
  listTools(): Promise<string[]>;
  /** @returns the text of the tool's answer */
  callTool(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<string>;
  /** Redeems the code of an authorization that a request began, such as for more scopes. */
  finishAuthorization(): Promise<void>;
  terminateSession(): Promise<void>;
  close(): Promise<void>;
}

export type Connect = (options: ConnectOptions) => Promise<SdkConnection>;

const redirectUrl = 'http://127.0.0.1:1/callback';

/** Keeps everything in memory. Serves both SDKs, whose interfaces differ in types only. */
function createProvider({ browser = createBrowser(), signIn = atDevLogin(), memory = {} }: ConnectOptions) {
  const trail: string[] = [];
  const state = randomUUID();
  let callback: URL | undefined;
  let verifier = '';
  let discovery: unknown;
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: 'SDK client',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    state: () => state,
    clientInformation: () => memory.clientInformation,
    saveClientInformation: (information: ClientMemory['clientInformation'] & object) => {
      memory.clientInformation = information;
    },
    tokens: () => memory.tokens,
    saveTokens: (tokens: ClientMemory['tokens'] & object) => {
      memory.tokens = tokens;
    },
    saveCodeVerifier: (codeVerifier: string) => {
      verifier = codeVerifier;
    },
    codeVerifier: () => verifier,
    saveDiscoveryState: (state: unknown) => {
      discovery = state;
    },
    discoveryState: () => discovery,
    async redirectToAuthorization(url: URL) {
      const approval = await approve(browser, url.href, signIn);
      trail.push(...approval.trail);
      callback = approval.callback;
    },
  };

  /** The SDKs leave the comparison of `state` to their user (RFC 6749 section 10.12). */
  function takeCallback(): URLSearchParams {
    const parameters = callback?.searchParams;
    if (parameters?.get('code') == null || parameters.get('state') !== state) {
      throw new Error(`the authorization ended at ${callback}`);
    }
    return parameters;
  }
  return { provider, memory, trail, takeCallback };
}

function recordingFetch(requests: SentRequest[]) {
  return async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    const { status, headers } = response;
    requests.push({
      method: init?.method ?? 'GET',
      url: String(url),
      status,
      challenge: headers.get('www-authenticate'),
    });
    return response;
  };
}

/** Connects; where the server asks for authorization, redeems what the browser brought back and connects anew. */
async function authorized<Attempt>(
  create: () => Attempt,
  connect: (attempt: Attempt) => Promise<void>,
  Unauthorized: abstract new (...parameters: never[]) => Error,
  finish: (attempt: Attempt) => Promise<void>,
): Promise<Attempt> {
  const first = create();
  try {
    await connect(first);
    return first;
  } catch (error) {
    if (!(error instanceof Unauthorized)) throw error;
  }
  await finish(first);
  const second = create();
  await connect(second);
  return second;
}

/** What both SDKs call the same. */
function commonOf(
  { memory, trail, requests }: Pick<SdkConnection, 'memory' | 'trail' | 'requests'>,
  transport: TransportV1 | TransportV2,
) {
  return {
    memory,
    trail,
    requests,
    sessionId: () => transport.sessionId,
    terminateSession: () => transport.terminateSession(),
  };
}

const requestOptions = ({ onProgress, signal }: CallOptions) => ({
  ...(onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }),
  ...(signal && { signal }),
});

function textOf(result: object): string {
  return (result as { content: { text: string }[] }).content.map(({ text }) => text).join('');
}

const clientInfo = { name: 'sdk-client', version: '1.0.0' };

/** `@modelcontextprotocol/sdk` 1.x. */
export const connectV1: Connect = async (options) => {
  const { provider, memory, trail, takeCallback } = createProvider(options);
  const requests: SentRequest[] = [];
  const { client, transport } = await authorized(
    () => ({
      client: new ClientV1(clientInfo),
      transport: new TransportV1(new URL(options.url), {
        authProvider: provider as unknown as ProviderV1,
        fetch: recordingFetch(requests),
        requestInit: { headers: { ...options.headers } },
      }),
    }),
    // The class has optional accessors where its interface has optional properties, which the compiler tells apart.
    (attempt) => attempt.client.connect(attempt.transport as Parameters<ClientV1['connect']>[0]),
    UnauthorizedErrorV1,
    (attempt) => attempt.transport.finishAuth(takeCallback().get('code') as string),
  );
  return {
    ...commonOf({ memory, trail, requests }, transport),
    protocolVersion: transport.protocolVersion,
    finishAuthorization: () => transport.finishAuth(takeCallback().get('code') as string),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args = {}, callOptions = {}) =>
      textOf(await client.callTool({ name, arguments: args }, undefined, requestOptions(callOptions))),
    close: () => client.close(),
  };
};

/** `@modelcontextprotocol/client` 2.x: 2026-07-28 where the server speaks it. */
export const connectV2: Connect = async (options) => {
  const { provider, memory, trail, takeCallback } = createProvider(options);
  const requests: SentRequest[] = [];
  const { client, transport } = await authorized(
    () => ({
      client: new ClientV2(clientInfo, { versionNegotiation: { mode: 'auto' } }),
      transport: new TransportV2(new URL(options.url), {
        authProvider: provider as unknown as ProviderV2,
        fetch: recordingFetch(requests),
        requestInit: { headers: { ...options.headers } },
      }),
    }),
    (attempt) => attempt.client.connect(attempt.transport),
    UnauthorizedErrorV2,
    (attempt) => attempt.transport.finishAuth(takeCallback()),
  );
  return {
    ...commonOf({ memory, trail, requests }, transport),
    protocolVersion: client.getNegotiatedProtocolVersion(),
    finishAuthorization: () => transport.finishAuth(takeCallback()),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args = {}, callOptions = {}) =>
      textOf(await client.callTool({ name, arguments: args }, requestOptions(callOptions))),
    close: () => client.close(),
  };
};
