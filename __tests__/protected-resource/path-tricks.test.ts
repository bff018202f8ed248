import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { createBrowser } from '../helpers/browser.ts';
import { createOAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let accessToken: string;
/** Handlers that a request reached. */
const reached: string[] = [];
const handler =
  (name: string): RequestHandler =>
  (_req, res) => {
    reached.push(name);
    res.json({ handler: name });
  };

beforeAll(async () => {
  gateway = await startObservedGateway({
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp', { default: true }), handler('a route'));

      app.use('/used', auth.authenticate('/used'), handler('a mount'));

      const router = express.Router();
      router.use(auth.authenticate('/routed'));
      router.all(/.*/, handler('a router'));
      app.use('/routed', router);

      const inner = express.Router();
      inner.all('/in', auth.authenticate('/deep/in'), handler('a route in a router'));
      app.use('/deep', inner);

      // A mount that cannot lead to the path that was declared: a slip that must not leave it open.
      app.use('/elsewhere', auth.authenticate('/declared'), handler('another mount'));
      app.all('/misplaced', auth.authenticate('/placed'), handler('another route'));

      app.use(auth.authenticate('/every'));
      app.use(auth.authenticate('/caf%C3%A9'));
      app.all('/caf%C3%A9', handler('an encoded route'));
      app.get('/free', handler('free'));
      app.get('/everything', handler('free'));
      // What apps without a router do: the URL is parsed, and so dot segments are resolved.
      app.use((req, res, next) => {
        const { pathname } = new URL(req.url, 'http://app');
        if (!/^\/every(?:\/|$)/i.test(decodeURI(pathname))) return next();
        handler('a handler that parses the URL')(req, res, next);
      });
    },
  });
  const client = await createOAuthClient(gateway.url);
  const { json } = await client.redeem(await client.login(createBrowser()));
  accessToken = String(json?.access_token);
});
afterAll(() => gateway.close());
beforeEach(() => {
  reached.length = 0;
});

const call = (target: string, headers: Record<string, string> = {}, method = 'POST') =>
  gateway.observe(() => send(gateway.url, { target, method, headers }));

const letterCode = (letter: string) => letter.charCodeAt(0).toString(16);
const spellings: [string, (path: string) => string][] = [
  ['as it is', (path) => path],
  ['in upper case', (path) => path.toUpperCase()],
  ['with a trailing slash', (path) => `${path}/`],
  ['with two slashes in front', (path) => `/${path}`],
  ['with two slashes behind', (path) => `${path}//`],
  ['with an encoded letter', (path) => path.replace(/[a-z]/, (letter) => `%${letterCode(letter)}`)],
  ['with an encoded capital', (path) => path.replace(/[a-z]/, (letter) => `%${letterCode(letter.toUpperCase())}`)],
  ['with an encoded slash behind', (path) => `${path}%2f`],
  ['through itself', (path) => `${path}/..${path}`],
  ['through another segment', (path) => `/x/..${path}`],
  ['through an encoded dot segment', (path) => `/x/%2e%2e${path}`],
  ['through a free path', (path) => `/free/..${path}`],
  ['with a dot segment', (path) => `/.${path}`],
  ['with an encoded dot segment', (path) => `/%2E${path}`],
  ['with a dot segment behind', (path) => `${path}/.`],
  ['through a broken escape', (path) => `/%zz/%2e%2e${path}`],
  ['through a backslash', (path) => `/x\\..${path.replaceAll('/', '\\')}`],
  ['with a query', (path) => `${path}?x`],
  ['with a query that looks like a path', (path) => `${path}?/../free`],
  ['with a fragment', (path) => `${path}#/free`],
  ['with a parameter', (path) => `${path};x=1`],
  ['with NUL', (path) => `${path}%00`],
  ['with a tab', (path) => `${path}%09`],
  ['below itself', (path) => `${path}/sub`],
  ['as an absolute target', (path) => `http://evil.example${path}`],
  ['as an absolute target with two slashes', (path) => `http://evil.example/${path}`],
];

describe.each([
  ['app.all(path, authenticate, handler)', '/mcp'],
  ['app.use(path, authenticate, handler)', '/used'],
  ['app.use(path, router)', '/routed'],
  ['a route of a router', '/deep/in'],
  ['app.use(authenticate), and a handler that parses the URL', '/every'],
  ['a mount that cannot lead to the declared path', '/elsewhere'],
  ['a route that cannot lead to the declared path', '/misplaced'],
])('%s', (_how, path) => {
  it.each(spellings)('lets nobody in without a token %s (CWE-288, CVE-2025-54576)', async (_spelling, spell) => {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const { answer, writes } = await call(spell(path), {}, method);

      expect({ method, reached, writes }).toEqual({ method, reached: [], writes: [] });
      expect([400, 401, 404]).toContain(answer.status);
    }
  });
});

describe('with a token', () => {
  const headers = () => ({ authorization: `Bearer ${accessToken}` });

  it.each(['/mcp', '/MCP', '/mcp/', '/mcp?x'])('%s reaches its handler', async (target) => {
    expect((await call(target, headers())).answer.status).toBe(200);
    expect(reached).toEqual(['a route']);
  });

  it('a request to another resource gets no further with it', async () => {
    expect((await call('/used', headers())).answer.status).toBe(401);
    expect(reached).toEqual([]);
  });
});

describe('app.use(auth.authenticate(path))', () => {
  it.each(['/free', '/everything'])('leaves %s alone: no token asked, nothing added or removed', async (path) => {
    const { answer, events } = await call(
      path,
      { authorization: 'Bearer theirs', origin: 'https://other.example' },
      'GET',
    );

    expect([answer.status, reached, events]).toEqual([200, ['free'], []]);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('leaves the app to answer what nobody serves', async () => {
    expect((await call('/nothing')).answer.status).toBe(404);
  });

  it.each(['/caf%C3%A9', '/caf%c3%a9', '/CAF%C3%A9', '/caf%C3%A9/'])(
    'covers a path with an escape in it, spelled %s (RFC 3986 section 6.2.2)',
    async (target) => {
      const { answer } = await call(target);

      expect([answer.status, reached]).toEqual([401, []]);
    },
  );
});
