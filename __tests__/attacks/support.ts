/**
 * What an attacker finds: a real listening gateway with a resource, a second one and a proxied one, a real identity provider
 * behind it, a metadata host on TLS, and a trap at an address that must never be reached.
 */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect } from '@jest/globals';
import type express from 'express';
import { type McpOAuthOptions, memoryStorage, type Storage } from '../../lib/index.ts';
import { type DocumentHost, startDocumentHost } from '../clients/document-host.ts';
import { isSignInPage } from '../federation/support.ts';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { createListeners, type Listener } from '../helpers/listeners.ts';
import {
  type Answer,
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  send,
} from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

/** A request that reached the upstream, whole. */
export interface UpstreamRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Tokens {
  readonly access: string;
  readonly refresh: string;
}

export interface Target {
  /** The issuer. Its resources are `/mcp` and `/other`, both the app's own, and `/proxied`. */
  readonly url: string;
  readonly gateway: ObservedGateway;
  readonly idp: IdentityProvider;
  readonly host: DocumentHost;
  /** What reached the upstream of `/proxied`, in order; `answer` replaces what it says. */
  readonly upstream: { readonly received: UpstreamRequest[]; answer: http.RequestListener | undefined };
  /** A listener on 127.0.0.2 at the metadata host's port: nothing may ever connect to it. */
  readonly canary: Listener;
  /** A public client with a loopback redirect URI. */
  readonly client: OAuthClient;
  /** Stops wherever it leaves gateway and identity provider. */
  browser(headers?: Record<string, string>): Browser;
  /** Opens the authorization URL, approves and signs in. @returns where it ended */
  signIn(options?: { browser?: Browser; client?: OAuthClient; user?: string; asked?: Parameters }): Promise<Page>;
  code(options?: { browser?: Browser; client?: OAuthClient; user?: string; asked?: Parameters }): Promise<string>;
  tokens(options?: { client?: OAuthClient; user?: string; asked?: Parameters; resource?: string }): Promise<Tokens>;
  /** Calls a resource with a bearer token. */
  call(token: string, path?: string, headers?: Record<string, string>): Promise<Answer>;
  /** Bytes on one connection. @returns everything that came back until it was closed */
  raw(bytes: string | Buffer): Promise<string>;
  /** Forgets misbehaviour and what was recorded. */
  reset(): void;
  /** Checks that nothing reached the trap, and closes everything. */
  close(): Promise<void>;
}

export interface TargetSettings {
  readonly options?: (issuer: string, idp: IdentityProvider) => Partial<McpOAuthOptions>;
  /** Names of the metadata host. @defaultValue client.example and other.example */
  readonly names?: readonly string[];
  /** Behind a proxy that Express trusts, so that X-Forwarded-For says who calls. @defaultValue false */
  readonly trustsProxy?: boolean;
}

async function startUpstream(): Promise<{ url: string; upstream: Target['upstream']; close: () => Promise<void> }> {
  const upstream: Target['upstream'] = { received: [], answer: undefined };
  const server = http.createServer(async (req, res) => {
    const chunks: Buffer[] | undefined = await req.toArray().catch(() => undefined);
    if (!chunks) return; // It broke off, perhaps long after its test.
    const body = Buffer.concat(chunks).toString();
    upstream.received.push({ method: req.method ?? '', url: req.url ?? '', rawHeaders: req.rawHeaders, body });
    if (upstream.answer) return upstream.answer(req, res);
    res.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/upstream/mcp`,
    upstream,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export async function startTarget(settings: TargetSettings = {}): Promise<Target> {
  const { names = ['client.example', 'other.example'], trustsProxy = false } = settings;
  const [idp, host, { url: upstreamUrl, upstream, close: closeUpstream }] = await Promise.all([
    startIdentityProvider(),
    startDocumentHost(names),
    startUpstream(),
  ]);
  const listeners = createListeners();
  const canary = await listeners.canary(host.port);
  const gateway = await startObservedGateway({
    options: (issuer) => ({
      oidc: { issuer: idp.issuer },
      browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret },
      gateway: { tokenCacheSeconds: 0 },
      outbound: host.outbound,
      ...settings.options?.(issuer, idp),
    }),
    beforeAuth: (app) => void (trustsProxy && app.set('trust proxy', 'loopback')),
    routes(app, auth) {
      const answer: express.RequestHandler = (req, res) =>
        void res.json({ user: (req as { user?: unknown }).user, headers: req.headers });
      app.all('/mcp', auth.authenticate('/mcp', { default: true }), answer);
      app.all('/other', auth.authenticate('/other', { scopes: ['other:read'] }), answer);
      app.use(auth.proxy('/proxied', { target: upstreamUrl }));
      app.get('/public', (_req, res) => void res.json({ public: true }));
    },
  });
  idp.redirectUris.push(`${gateway.url}/oauth/callback`);
  const client = await createOAuthClient(gateway.url);

  const target: Target = {
    url: gateway.url,
    gateway,
    idp,
    host,
    upstream,
    canary,
    client,

    browser: (headers) =>
      createBrowser({
        stopAt: (url) => !url.startsWith(gateway.url) && !url.startsWith(idp.issuer),
        ...(headers && { headers }),
      }),

    async signIn({ browser = target.browser(), client: asking = client, user = 'alice', asked = {} } = {}) {
      let page = await browser.get(asking.authorizeUrl(asked));
      if (page.forms.some(({ fields }) => 'csrf' in fields))
        page = await browser.submit(page, 'csrf', { decision: 'approve' });
      return isSignInPage(page) ? browser.submit(page, 'login', { login: user }) : page;
    },

    async code(options) {
      const page = await target.signIn(options);
      const { code } = callbackOf(page);
      if (code === undefined) throw new Error(`no code: ${page.status} ${page.location ?? page.text}`);
      return code;
    },

    async tokens({ client: asking = client, resource = `${gateway.url}/mcp`, ...options } = {}) {
      const code = await target.code({ client: asking, ...options, asked: { resource, ...options.asked } });
      const { status, json, text } = await asking.redeem(code, { resource });
      if (status !== 200) throw new Error(`no tokens: ${text}`);
      return { access: String(json?.access_token), refresh: String(json?.refresh_token) };
    },

    call: (token, path = '/mcp', headers = {}) =>
      send(gateway.url + path, { headers: { authorization: `Bearer ${token}`, ...headers } }),

    async raw(bytes) {
      const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
      const chunks: Buffer[] = [];
      socket.on('error', () => undefined).on('data', (chunk) => chunks.push(chunk));
      socket.write(bytes);
      await once(socket, 'close');
      return Buffer.concat(chunks).toString('latin1');
    },

    reset() {
      idp.behave();
      idp.requests.length = 0;
      upstream.received.length = 0;
      upstream.answer = undefined;
      host.requests.length = 0;
      host.lookups.length = 0;
    },

    async close() {
      const trapped = canary.connections.length;
      await gateway.close();
      await Promise.all([idp.close(), host.close(), closeUpstream(), listeners.close()]);
      expect(trapped).toBe(0);
      expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
    },
  };
  return target;
}

/** A store that answers after some milliseconds, as one on the network does: in-memory races do not show otherwise. */
export function distantStorage(milliseconds = 1): Storage {
  const storage = memoryStorage();
  return new Proxy(storage, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return async (...parameters: unknown[]) => {
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        return Reflect.apply(member, target, parameters);
      };
    },
  });
}

/** A complete HTTP/1.1 request on a connection that is closed after it. */
export function request(line: string, headers: readonly string[], body = ''): string {
  return `${[line, ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
}

export const statusOf = (raw: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(raw)?.[1]);

/** Words that no answer of a server holds that keeps its inside to itself (CWE-209). */
export const insides = /node_modules|\.[jt]s:\d+|SELECT |INSERT |ECONNREFUSED|oidc-provider|Express/;
