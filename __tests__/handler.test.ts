import { createServer, type Server } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { createHandler, type OwnedPath } from '../lib/handler.ts';
import { type McpOAuthOptions, mcpOAuth, memoryStorage } from '../lib/index.ts';
import { createEvents } from '../lib/shared/events.ts';
import { type Endpoint, sendJson } from '../lib/shared/http.ts';
import { type Issuer, parseIssuer } from '../lib/shared/issuer.ts';
import { shippedMessages } from '../lib/shared/pages/messages/shipped.ts';
import { createPages } from '../lib/shared/pages/pages.ts';
import { StorageUnavailableError } from '../lib/storage/storage.ts';
import { startGateway } from './helpers/gateway.ts';
import { send } from './helpers/oauth-client.ts';

const host = '127.0.0.1:3000';

function create(options: Partial<McpOAuthOptions> = {}) {
  const issuer = options.issuer ?? `http://${host}`;
  return mcpOAuth({
    issuer,
    browserLogin: { url: `${issuer}/oauth/dev-login` },
    storage: memoryStorage(),
    secret: 'x'.repeat(32),
    ...options,
  });
}

describe('paths', () => {
  /** An app that tells what reached it, target and body included. */
  const app = express()
    .use(create({ routes: [{ path: '/mcp' }] }))
    .use(express.text({ type: '*/*' }))
    .use((req, res) => void res.status(299).json({ url: req.url, body: req.body, headers: req.headers }));

  test.each([
    ['GET', '/oauth/authorize'],
    ['POST', '/oauth/token'],
    ['POST', '/oauth/register'],
    ['POST', '/oauth/revoke'],
    ['POST', '/oauth/introspect'],
    ['GET', '/oauth/jwks'],
    ['GET', '/oauth/dev-login'],
    ['GET', '/oauth/interaction/abc'],
    ['GET', '/oauth/authorize/abc'],
    ['PUT', '/oauth/token?a=1'],
  ])('%s %s is served here', async (method, path) => {
    const answer = await request(app)[method.toLowerCase() as 'get'](path).set('host', host);
    expect(answer.status).not.toBe(299);
    expect(answer.status).not.toBe(404);
  });

  test.each([
    '/',
    '/oauth',
    '/oauth/',
    '/oauth/token/',
    '/oauth/TOKEN',
    '/OAuth/token',
    '/oauth//token',
    '//oauth/token',
    '/%6fauth/token',
    '/x/oauth/token',
    '/oauth/token/x',
    '/oauth/unknown',
    '/oauth/callback',
    '/oauth/interaction',
    '/oauth/interaction/',
    '/oauth/interaction/a/b',
    '/oauth/interaction/a.b',
    `/oauth/interaction/${'a'.repeat(65)}`,
    '/token',
    '/authorize',
    '/register',
    '/.well-known/',
    '/.well-known/other',
    '/.well-known/oauth-authorization-server/unknown',
    '/.well-known/openid-configuration2',
    '/unknown/.well-known/openid-configuration',
  ])("POST %s is the app's, as it came, its body unread", async (path) => {
    const answer = await request(app)
      .post(path)
      .set({ host, 'x-own': '1', cookie: 'mcp_session_x=1' })
      .send('the body');
    expect(answer.status).toBe(299);
    expect(answer.body).toMatchObject({
      url: path,
      body: 'the body',
      headers: { host, 'x-own': '1', cookie: 'mcp_session_x=1' },
    });
  });

  test('move with gateway.basePath, and the old ones are free', async () => {
    const moved = express().use(
      create({ gateway: { basePath: '/a/b' }, browserLogin: { url: `http://${host}/a/b/dev-login` } }),
    );
    await request(moved).get('/a/b/jwks').set('host', host).expect(200);
    await request(moved).get('/oauth/jwks').set('host', host).expect(404);
    await request(moved).get('/.well-known/oauth-authorization-server').set('host', host).expect(200);
  });
});

describe('a host that is not served', () => {
  const app = express()
    .use(
      create({
        issuer: 'https://mcp.example.com',
        browserLogin: { clientId: 'c', clientSecret: 's' },
        oidc: { issuer: 'https://idp.example.com' },
      }),
    )
    .use((_req, res) => void res.status(299).end());

  test.each(['evil.example', 'localhost', 'mcp.example.com:8443', 'mcp.example.com.evil.example', '<script>'])(
    '%s gets 421 at our paths, without a URL and without its own name (RFC 9110 section 15.5.20)',
    async (given) => {
      for (const path of ['/oauth/token', '/oauth/authorize', '/.well-known/oauth-authorization-server']) {
        const answer = await request(app).get(path).set('host', given).set('x-forwarded-host', 'mcp.example.com');
        expect(answer.status).toBe(421);
        expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'this host is not served' });
        expect(answer.headers).not.toHaveProperty('location');
        expect(answer.text).not.toMatch(/evil|<script|https?:/);
      }
    },
  );

  test('still reaches the app at all other paths', async () => {
    await request(app).get('/health').set('host', 'evil.example').expect(299);
  });

  test('is no host at all neither (RFC 9110 section 7.2)', async () => {
    const gateway = await startGateway();
    const answer = await send(`${gateway.url}/oauth/jwks`, { headers: { host: '' } });
    expect(answer.status).toBe(421);
    await gateway.close();
  });
});

describe('what fails', () => {
  const issuer = parseIssuer(`http://${host}`) as Issuer;

  function serving(audience: OwnedPath['audience'], serve: Endpoint, seen: string[] = []): Server {
    const events = createEvents(undefined);
    events.on('*', (event) => void seen.push(`${event.type} ${event.reason}`));
    const handler = createHandler({
      issuerOf: () => issuer,
      configured: issuer,
      routes: () => ({ audience, serve }),
      events,
      pages: createPages({ brand: {}, catalogues: shippedMessages, functions: {} }),
    });
    return createServer((req, res) => handler(req, res, () => res.writeHead(299).end()));
  }

  const outage = async () => Promise.reject(new StorageUnavailableError('secret of the store'));
  const mistake = () => {
    throw new TypeError('secret of the code');
  };

  test('for programs is JSON: 503 with Retry-After in an outage, else 500, causes for operators only', async () => {
    const seen: string[] = [];
    const down = await request(serving('machine', outage, seen))
      .get('/')
      .expect(503);
    expect(down.body).toEqual({
      error: 'temporarily_unavailable',
      error_description: 'the server cannot answer now; try again',
    });
    expect(Number(down.headers['retry-after'])).toBeGreaterThan(0);
    const broken = await request(serving('machine', mistake, seen))
      .get('/')
      .expect(500);
    expect(broken.body).toEqual({ error: 'server_error', error_description: 'the request failed' });
    expect(broken.headers).not.toHaveProperty('retry-after');
    expect(seen).toEqual([
      'storage.unavailable StorageUnavailableError: secret of the store',
      'server.error TypeError: secret of the code',
    ]);
  });

  test('for browsers is a page with the same codes, whatever they accept', async () => {
    const down = await request(serving('browser', outage)).get('/').set('accept', 'application/json').expect(503);
    const broken = await request(serving('browser', mistake)).get('/').expect(500);
    for (const [answer, code] of [
      [down, 'temporarily_unavailable'],
      [broken, 'server_error'],
    ] as const) {
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
      expect(answer.text).toContain(`<code>${code}</code>`);
      expect(answer.text).not.toContain('secret');
    }
    expect(Number(down.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('after the head was sent ends the connection: half an answer must not look whole', async () => {
    const server = serving('machine', ({ res }) => {
      res.writeHead(200, { 'content-type': 'application/json' }).write('{"half":');
      return mistake();
    });
    await expect(request(server).get('/')).rejects.toThrow(/aborted|hang up/);
  });

  test.each([undefined, null, 'text'])('with %p instead of an error is a failure like others', async (thrown) => {
    const seen: string[] = [];
    await request(serving('machine', async () => Promise.reject(thrown), seen))
      .get('/')
      .expect(500);
    expect(seen).toEqual(['server.error unknown']);
  });

  test('nothing: the endpoint sees the issuer, the public URL and the path after its prefix', async () => {
    const mounted = parseIssuer(`http://${host}/gw`) as Issuer;
    const serve: Endpoint = ({ res, url, path, issuer: { identifier } }) =>
      sendJson(res, 200, { url: url.href, path, identifier });
    const handler = createHandler({
      issuerOf: () => mounted,
      configured: mounted,
      routes: ({ afterPrefix }) => (afterPrefix === '' ? undefined : { audience: 'machine', serve }),
      events: createEvents(undefined),
    });
    const app = express().use('/gw', handler);
    const answer = await request(app).get('/gw/oauth/token?a=1').set('host', 'evil.example').expect(200);
    expect(answer.body).toEqual({
      url: `http://${host}/gw/oauth/token?a=1`,
      path: '/oauth/token',
      identifier: `http://${host}/gw`,
    });
    await request(app).get('/gw').expect(404);
  });
});
