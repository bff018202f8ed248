import { describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { mcpOAuth, memoryStorage, type RouteOptions } from '../../lib/index.ts';

const wellKnown = '/.well-known/oauth-protected-resource';
const host = '127.0.0.1:3000';

/** An app with these routes, and a handler of its own behind. */
function app(routes: readonly RouteOptions[], issuer = `http://${host}`): express.Express {
  const browserLogin = { url: `${issuer}/oauth/dev-login` };
  const auth = mcpOAuth({ issuer, browserLogin, storage: memoryStorage(), secret: 'x'.repeat(32), routes });
  return express()
    .use(auth)
    .use((_req, res) => void res.status(299).send('the app'));
}

const get = (served: express.Express, path: string) => request(served).get(path).set('host', host);
const mcp: RouteOptions = { path: '/mcp', scopes: ['read', 'write'], displayName: 'Tools' };

describe('protected resource metadata (RFC 9728 section 2)', () => {
  test('says what the resource is, who issues its tokens and what they may hold', async () => {
    const answer = await get(app([mcp]), `${wellKnown}/mcp`).expect(200);
    expect(answer.body).toEqual({
      resource: `http://${host}/mcp`,
      resource_name: 'Tools',
      authorization_servers: [`http://${host}`],
      scopes_supported: ['read', 'write'],
      bearer_methods_supported: ['header'],
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'cache-control': 'no-store',
    });
  });

  test('keeps text of every script, whole, also where it is asked for again', async () => {
    const displayName = 'Werkzeuge für 工具';
    const served = app([{ ...mcp, displayName }]);
    for (const query of ['', '', '?tenant=ü']) {
      const answer = await get(served, `${wellKnown}/mcp${encodeURI(query)}`).expect(200);
      expect(answer.body.resource_name).toBe(displayName);
      expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
    }
  });

  test('knows a resource that is declared after the first request', async () => {
    const issuer = `http://${host}`;
    const browserLogin = { url: `${issuer}/oauth/dev-login` };
    const auth = mcpOAuth({ issuer, browserLogin, storage: memoryStorage(), secret: 'x'.repeat(32), routes: [mcp] });
    const served = express().use(auth);
    await get(served, wellKnown).expect(200);
    auth.authenticate('/later');
    expect((await get(served, `${wellKnown}/later`).expect(200)).body.resource).toBe(`${issuer}/later`);
    await get(served, wellKnown).expect(404);
  });

  test('needs no storage: it is there during an outage (DESIGN 4.10)', async () => {
    const storage = memoryStorage();
    for (const method of ['get', 'put', 'create', 'ping', 'increment'] as const)
      Object.assign(storage, { [method]: async () => Promise.reject(new Error('down')) });
    const issuer = `http://${host}`;
    const auth = mcpOAuth({ issuer, browserLogin: { url: `${issuer}/oauth/dev-login` }, storage, routes: [mcp] });
    await get(express().use(auth), `${wellKnown}/mcp`).expect(200);
  });

  test('names the issuer with its path, and the resource after the origin', async () => {
    const answer = await get(app([{ path: '/gw/mcp' }], `http://${host}/gw`), `${wellKnown}/gw/mcp`).expect(200);
    expect(answer.body).toMatchObject({
      resource: `http://${host}/gw/mcp`,
      authorization_servers: [`http://${host}/gw`],
    });
  });

  test('repeats the spelling asked for, with which clients compare it (RFC 9728 section 3.3)', async () => {
    const served = app([mcp]);
    expect((await get(served, `${wellKnown}/mcp/`)).body.resource).toBe(`http://${host}/mcp/`);
    expect((await get(served, `${wellKnown}/mcp?tenant=1`)).body.resource).toBe(`http://${host}/mcp?tenant=1`);
    expect((await get(served, wellKnown)).body.resource).toBe(`http://${host}/mcp`);
  });
});

describe('its paths (RFC 9728 section 3.1)', () => {
  const two = [mcp, { path: '/a/b' }];

  test.each([
    ['the only resource', [mcp], `${wellKnown}/mcp`, '/mcp'],
    ['the only resource with a slash behind', [mcp], `${wellKnown}/mcp/`, '/mcp/'],
    ['the root form of the only resource', [mcp], wellKnown, '/mcp'],
    ['the root form with a slash behind', [mcp], `${wellKnown}/`, '/mcp'],
    ['one of two', two, `${wellKnown}/a/b`, '/a/b'],
    ['the root resource', [{ path: '/' }], wellKnown, '/'],
    ['the root resource among others', [...two, { path: '/' }], wellKnown, '/'],
  ])('lead to %s', async (_what, routes, path, resource) => {
    expect((await get(app(routes), path).expect(200)).body.resource).toBe(`http://${host}${resource}`);
  });

  test.each([
    ['the root form of two', two, wellKnown],
    ['one that is not declared', [mcp], `${wellKnown}/other`],
    ['a path below', [mcp], `${wellKnown}/mcp/sub`],
    ['a path above', two, `${wellKnown}/a`],
    ['another case', [mcp], `${wellKnown}/MCP`],
    ['an encoded spelling', [mcp], `${wellKnown}/%6dcp`],
    ['two slashes', [mcp], `${wellKnown}//mcp`],
    ['two slashes behind', [mcp], `${wellKnown}/mcp//`],
    ['a longer name', [mcp], `${wellKnown}s/mcp`],
  ])('leave %s to the app, which may publish its own', async (_what, routes, path) => {
    const answer = await get(app(routes), path).expect(299);
    expect(answer.text).toBe('the app');
  });

  test('are there for a resource from its declaration on', async () => {
    const issuer = `http://${host}`;
    const browserLogin = { url: `${issuer}/oauth/dev-login` };
    const auth = mcpOAuth({ issuer, browserLogin, storage: memoryStorage(), secret: 'x'.repeat(32) });
    const served = express().use(auth);
    await get(served, `${wellKnown}/later`).expect(404);
    auth.authenticate('/later');
    await get(served, `${wellKnown}/later`).expect(200);
  });
});

describe('methods', () => {
  test('GET, HEAD and a preflight are answered, all others are 405', async () => {
    const served = app([mcp]);
    const to = (method: 'head' | 'options' | 'post' | 'delete') =>
      request(served)[method](`${wellKnown}/mcp`).set('host', host).set('origin', 'https://web.example');
    expect((await to('head').expect(200)).headers['content-type']).toBe('application/json');
    expect((await to('options').expect(204)).headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET',
    });
    for (const method of ['post', 'delete'] as const) {
      const answer = await to(method).expect(405);
      expect([answer.headers.allow, answer.body.error]).toEqual(['GET, HEAD, OPTIONS', 'invalid_request']);
    }
  });
});
