/** workers-oauth-provider under Node, with its KV namespace in a Map: nobody signs in, everything is approved. */
import type { RequestListener } from 'node:http';
import { registerHooks } from 'node:module';
import { importPeer } from '../harness/install.ts';
import { serve } from '../harness/serve.ts';

// The one thing of the platform that the package imports.
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'cloudflare:workers'
      ? { url: 'data:text/javascript,export class WorkerEntrypoint {}', shortCircuit: true }
      : next(specifier, context),
});

interface Kv {
  get(key: string, options?: { readonly type?: string }): Promise<unknown>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { readonly prefix?: string }): Promise<{ keys: { name: string }[]; list_complete: true }>;
}

function createKv(): Kv {
  const values = new Map<string, string>();
  return {
    async get(key, options) {
      const value = values.get(key);
      if (value === undefined) return null;
      return options?.type === 'json' ? JSON.parse(value) : value;
    },
    async put(key, value) {
      values.set(key, value);
    },
    async delete(key) {
      values.delete(key);
    },
    list: async ({ prefix = '' }) => ({
      keys: [...values.keys()].filter((name) => name.startsWith(prefix)).map((name) => ({ name })),
      list_complete: true,
    }),
  };
}

interface OAuthHelpers {
  parseAuthRequest(request: Request): Promise<{ readonly scope: readonly string[] }>;
  completeAuthorization(options: object): Promise<{ readonly redirectTo: string }>;
}

interface Env {
  readonly OAUTH_KV: Kv;
  readonly OAUTH_PROVIDER: OAuthHelpers;
}

interface Peer {
  readonly OAuthProvider: new (
    options: object,
  ) => { fetch(request: Request, env: object, context: object): Promise<Response> };
}

interface NodeServer {
  readonly getRequestListener: (fetch: (request: Request) => Promise<Response>) => RequestListener;
}

const { OAuthProvider } = await importPeer<Peer>('@cloudflare/workers-oauth-provider');
const { getRequestListener } = await importPeer<NodeServer>('@hono/node-server');

const approveAll = {
  async fetch(request: Request, { OAUTH_PROVIDER }: Env): Promise<Response> {
    const asked = await OAUTH_PROVIDER.parseAuthRequest(request);
    const { redirectTo } = await OAUTH_PROVIDER.completeAuthorization({
      request: asked,
      userId: 'alice',
      metadata: {},
      scope: asked.scope,
      props: { name: 'alice' },
    });
    return new Response(null, { status: 302, headers: { location: redirectTo } });
  },
};

await serve(async (_settings, url) => {
  const provider = new OAuthProvider({
    apiRoute: '/mcp',
    apiHandler: { fetch: async () => Response.json({}) },
    defaultHandler: approveAll,
    authorizeEndpoint: '/authorize',
    tokenEndpoint: '/token',
    clientRegistrationEndpoint: '/register',
    scopesSupported: ['mcp:tools'],
    resourceMetadata: { resource: `${url}/mcp` },
    accessTokenTTL: 900,
  });
  const env = { OAUTH_KV: createKv() };
  const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
  return { listener: getRequestListener((request) => provider.fetch(request, env, context)) };
});
