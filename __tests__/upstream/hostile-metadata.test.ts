import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { memoryStorage, type UserOAuthOptions, userOAuth } from '../../lib/index.ts';
import { endpointPaths } from '../../lib/shared/endpoint-paths.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { createOutbound, type Outbound, type OutboundRequest } from '../../lib/shared/outbound.ts';
import { createClientKeys } from '../../lib/upstream/client-keys.ts';
import { createClientRegistration } from '../../lib/upstream/client-registration.ts';
import { createDiscovery } from '../../lib/upstream/discovery.ts';
import { createOAuthClient } from '../../lib/upstream/oauth-client.ts';
import { UpstreamError } from '../../lib/upstream/upstream-problem.ts';
import type { OAuthUpstream } from '../../lib/upstream/user-oauth.ts';
import type { UpstreamTokens } from '../../lib/upstream/vault.ts';

const issuer = parseIssuer('https://gateway.example') as Issuer;
const ring = createKeyRing(['a secret of this test, which is long enough']);
const target = 'https://files.example/mcp';

let nowMs: number;
/** How long each answer takes. */
let slownessMs: number;
/** Issuer that the upstream names. */
let named: string;
let serverMetadata: Record<string, unknown>;
let tokenAnswer: () => Response;
let posts: { readonly url: string; readonly text: string }[];
let storage: ReturnType<typeof memoryStorage>;

/** The upstream and every authorization server that it may name. */
const outbound: Outbound = {
  async fetch(input: string | URL, { method, headers, body }: OutboundRequest) {
    const url = new URL(input);
    nowMs += slownessMs;
    if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) {
      return Response.json({ resource: target, authorization_servers: [named] });
    }
    if (url.pathname === '/.well-known/oauth-authorization-server') {
      return Response.json({
        issuer: url.origin,
        authorization_endpoint: `${url.origin}/authorize`,
        token_endpoint: `${url.origin}/token`,
        registration_endpoint: `${url.origin}/register`,
        code_challenge_methods_supported: ['S256'],
        ...serverMetadata,
      });
    }
    if (url.href === target) return new Response(null, { status: 401 });
    const sent = body === undefined ? '' : Buffer.from(body as Uint8Array).toString();
    posts.push({ url: url.href, text: `${method} ${new Headers(headers).get('authorization') ?? ''} ${sent}` });
    if (url.pathname === '/register') return Response.json({ client_id: 'registered' }, { status: 201 });
    return tokenAnswer();
  },
};

function createClient(options: Partial<UserOAuthOptions> = {}) {
  const upstream = userOAuth({ id: 'files', displayName: 'Files', ...options }) as OAuthUpstream;
  const keyRing = async () => ring;
  const paths = endpointPaths('/oauth');
  const keys = createClientKeys(storage, keyRing);
  const registration = createClientRegistration({ storage, keyRing, keys, paths });
  const discovery = createDiscovery(outbound, () => nowMs);
  return createOAuthClient({ upstream, target, outbound, discovery, registration, paths, now: () => nowMs });
}

const tokens = (clientId: string): UpstreamTokens => ({
  accessToken: 'access',
  refreshToken: 'refresh',
  issuedAt: 1_800_000_000,
  connectedAt: 1_800_000_000,
  scopes: [],
  authorizationServer: 'https://as.example',
  clientId,
});

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  slownessMs = 0;
  named = 'https://as.example';
  serverMetadata = {};
  tokenAnswer = () => Response.json({ access_token: 'new', token_type: 'bearer' });
  posts = [];
  storage = memoryStorage();
});

describe('a browser is sent to no other place than a web page', () => {
  test.each([
    'javascript:alert(1)',
    'data:text/html,hello',
    'vscode://extension/install',
    'http://as.example/authorize',
    'http://127.0.0.1:8080/authorize',
    'https://user:password@as.example/authorize',
  ])('not to %s', async (endpoint) => {
    serverMetadata = { authorization_endpoint: endpoint };
    await expect(createClient().begin(issuer, [])).rejects.toThrow('authorization_endpoint');
  });
});

describe('a challenge that names metadata inside the network', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  async function listen(address: string, listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, address);
    servers.push(server);
    await once(server, 'listening');
    return `http://${address}:${(server.address() as AddressInfo).port}`;
  }

  test('asks nobody there: neither the address itself, nor where a redirect points', async () => {
    const asked: string[] = [];
    const inside = await listen('127.0.0.2', (req, res) => {
      asked.push(String(req.url));
      res.end('{}');
    });
    for (const place of ['direct', 'redirect']) {
      const paths: string[] = [];
      const upstream = await listen('127.0.0.1', (req, res) => {
        paths.push(String(req.url));
        const metadata = place === 'direct' ? `${inside}/metadata` : `http://${req.headers.host}/moved`;
        if (req.url === '/mcp') {
          res.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${metadata}"` }).end();
        } else res.writeHead(302, { location: `${inside}/metadata` }).end();
      });
      const discovery = createDiscovery(createOutbound({ loopbackAddress: '127.0.0.1' }));
      await expect(discovery.discover({ target: `${upstream}/mcp` })).rejects.toThrow(UpstreamError);
      expect(paths.includes('/moved')).toBe(place === 'redirect');
    }
    expect(asked).toEqual([]);
  });
});

describe('the secret of a client that was registered by hand', () => {
  const clientRegistration = { mode: 'manual', clientId: 'by-hand', clientSecret: 'the-manual-secret' } as const;
  const callback = new URL('https://gateway.example/oauth/connect/callback/files?code=c&state=s');

  test('goes to the server it was first used with, and to no other that the upstream names later', async () => {
    const client = createClient({ clientRegistration });
    const { pending } = await client.begin(issuer, []);
    await client.redeem(issuer, callback, 's', pending);
    named = 'https://evil.example';
    await expect(createClient({ clientRegistration }).begin(issuer, [])).rejects.toThrow('authorizationServer');
    const stolen = { ...pending, authorizationServer: named };
    await expect(createClient({ clientRegistration }).redeem(issuer, callback, 's', stolen)).rejects.toThrow();
    expect(posts.map(({ url }) => url)).toEqual(['https://as.example/token']);
  });

  test('goes to another one where the operator names it', async () => {
    await createClient({ clientRegistration }).begin(issuer, []);
    const moved = createClient({ clientRegistration, authorizationServer: 'https://new.example' });
    expect((await moved.begin(issuer, [])).url).toMatch(/^https:\/\/new\.example\/authorize\?/);
  });
});

describe('a renewal that is refused', () => {
  test('for the client keeps the connection where that client is a metadata document, which the server may read later', async () => {
    serverMetadata = { client_id_metadata_document_supported: true };
    tokenAnswer = () => Response.json({ error: 'invalid_client' }, { status: 400 });
    const renewal = await createClient().refresh(
      issuer,
      tokens('https://gateway.example/.well-known/oauth-client/files'),
    );
    expect(renewal).toMatchObject({ kind: 'failed', reason: 'refused: invalid_client' });
  });

  test('for a client that was registered, and is no more, ends it', async () => {
    const client = createClient();
    await client.begin(issuer, []);
    tokenAnswer = () => Response.json({ error: 'invalid_client' }, { status: 400 });
    expect(await client.refresh(issuer, tokens('registered'))).toMatchObject({ kind: 'ended' });
  });

  test('puts no text of the server into events', async () => {
    const client = createClient();
    await client.begin(issuer, []);
    tokenAnswer = () => Response.json({ error: `no\nfaked log line ${'x'.repeat(1000)}` }, { status: 400 });
    expect(await client.refresh(issuer, tokens('registered'))).toMatchObject({
      kind: 'failed',
      reason: 'refused: malformed error code',
    });
  });

  test('is not begun so late that the next process could begin its own', async () => {
    const client = createClient();
    await client.begin(issuer, []);
    nowMs += 3_600_000;
    slownessMs = 9_000;
    posts = [];
    const renewal = await client.refresh(issuer, tokens('registered'));
    expect([renewal, posts]).toEqual([expect.objectContaining({ kind: 'failed' }), []]);
    // What was found out slowly is known now.
    expect(await client.refresh(issuer, tokens('registered'))).toMatchObject({ kind: 'renewed' });
  });
});
