import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OAuthError } from '../../lib/resource.ts';
import { postJson, send } from '../helpers/oauth-client.ts';
import { type PlayedIssuer, playIssuer, signToken } from './issuer.ts';
import { mountResource, openSite, type ResourceServer } from './support.ts';

const page = 'https://app.example.com';
const wellKnown = '/.well-known/oauth-protected-resource';
let issuer: PlayedIssuer;
let server: ResourceServer;
const logged: [level: string, message: string][] = [];
beforeAll(async () => {
  issuer = await playIssuer('/tenant');
  const at = (level: string) => (message: string) => void logged.push([level, message]);
  server = mountResource(
    await openSite(),
    {
      issuer: issuer.url,
      logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    },
    (app, resource, answer) => {
      app.all('/mcp', resource.authenticate('/mcp', { displayName: 'Files', allowedOrigins: [page] }), answer);
      const operationScopes = { 'tools/call': { 'delete_*': ['files:write'] } };
      app.all('/files', resource.authenticate('/files', { scopes: ['files:read'], operationScopes }), answer);
      app.use('/behind', resource.authenticate('/behind'), resource.authenticate('/behind'), answer);
    },
  );
});
afterAll(async () => {
  await server.close();
  await issuer.close();
});
beforeEach(() => {
  server.events.length = 0;
  logged.length = 0;
});

const get = (path: string, headers: Record<string, string> = {}) => send(server.origin + path, { headers });

describe('the metadata', () => {
  it('names the issuer, and the resource at this origin (RFC 9728 section 2)', async () => {
    const { status, json, headers } = await get(`${wellKnown}/mcp`, { origin: page });

    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, '*']);
    expect(json).toEqual({
      resource: server.url,
      resource_name: 'Files',
      authorization_servers: [issuer.url],
      scopes_supported: ['mcp:tools'],
      bearer_methods_supported: ['header'],
    });
  });

  it('has no root form where there are several resources, and one where there is one (RFC 9728 section 3.1)', async () => {
    expect((await get(wellKnown)).status).toBe(299);

    const alone = mountResource(await openSite(), { issuer: issuer.url });
    const { json } = await send(alone.origin + wellKnown);
    expect(json?.resource).toBe(alone.url);
    await alone.close();
  });

  it.each([
    `${wellKnown}/unknown`,
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/oauth/token',
    '/authorize',
    '/',
  ])('is all that is served: %s is passed on', async (path) => {
    expect((await get(path)).status).toBe(299);
  });

  it('is refused under another Host: no URL comes from an unchecked header', async () => {
    expect((await get(`${wellKnown}/mcp`, { host: 'evil.example' })).status).toBe(421);
  });
});

describe('a request to a resource', () => {
  it('is refused under another Host, whatever it holds (MCP transports, DNS rebinding)', async () => {
    const token = await signToken(issuer, server.url);
    const { status, text } = await server.call(token, { headers: { host: 'evil.example' } });

    expect(status).toBe(421);
    expect(text).not.toContain(server.origin);
    expect(server.events).toEqual(['resource.refused: host is not served']);
  });

  it('is refused from a page of another origin, the issuer’s among them (MCP transports, Security Warning)', async () => {
    const token = await signToken(issuer, server.url);

    expect((await server.call(token, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect(server.events).toEqual(['resource.refused: origin is not allowed']);
  });

  it('may come from an allowed page, which may read the challenge', async () => {
    const { status, headers } = await server.call(undefined, { headers: { origin: page } });

    expect([status, headers.get('access-control-allow-origin')]).toEqual([401, page]);
    expect(headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
    const preflight = { origin: page, 'access-control-request-method': 'POST' };
    expect((await server.call(undefined, { method: 'OPTIONS', headers: preflight })).status).toBe(204);
  });

  it('comes to the handler without bearer and cookies of this library, in both forms', async () => {
    const token = await signToken(issuer, server.url);
    const cookie = 'app=1; mcp_session_0=2; __Host-mcp_login_0_1=3';
    expect((await server.call(token, { headers: { cookie } })).status).toBe(200);

    const { headers, rawHeaders } = server.seen() ?? {};
    expect([headers?.authorization, headers?.cookie]).toEqual([undefined, 'app=1']);
    expect(rawHeaders?.join('\n')).not.toMatch(/authorization|mcp_session|mcp_login/i);
  });

  it('is checked once where two checks stand in a row', async () => {
    const token = await signToken(issuer, `${server.origin}/behind`);

    expect((await get('/behind/below', { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it('needs the scopes of its operation (MCP 2026-07-28, Scope Challenge Handling)', async () => {
    const url = `${server.origin}/files`;
    const call = async (name: string, scope: string) => {
      const token = await signToken(issuer, url, { claims: { scope } });
      const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } };
      return postJson(url, message, { authorization: `Bearer ${token}` });
    };

    expect((await call('read', 'files:read')).status).toBe(200);
    expect((await call('delete_all', 'files:read files:write')).status).toBe(200);
    const refused = await call('delete_all', 'files:read');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_scope", .*scope="files:read files:write"/,
    );
  });

  it('is told of in events and, as text, to the logger', async () => {
    await server.call();

    expect(server.events).toEqual(['resource.refused: no token']);
    expect(logged).toEqual([['info', 'resource.refused']]);
  });
});

describe('verify(token, path)', () => {
  it('describes a token as the middleware does', async () => {
    const { auth, user } = await server.resource.verify(await signToken(issuer, server.url), '/mcp');

    expect(auth).toMatchObject({ clientId: 'client', scopes: ['mcp:tools'], resource: new URL(server.url) });
    expect(user).toEqual({ sub: 'alice', iss: issuer.url, data: { roles: [], clientId: 'client' } });
  });

  it.each([
    ['of another resource', () => signToken(issuer, `${server.origin}/files`), 'invalid_token', 401],
    ['that is none', async () => 'opaque', 'invalid_token', 401],
    ['that is empty', async () => '', 'invalid_token', 401],
    ['without the scope', () => signToken(issuer, server.url, { claims: { scope: 'x' } }), 'insufficient_scope', 403],
    ['bound to a key', () => signToken(issuer, server.url, { claims: { cnf: { jkt: 'x' } } }), 'invalid_token', 401],
  ])('rejects a token %s', async (_what, make, code, status) => {
    const verifying = server.resource.verify(await make(), '/mcp');

    await expect(verifying).rejects.toBeInstanceOf(OAuthError);
    await expect(verifying).rejects.toMatchObject({ code, status });
  });

  it('rejects a path that was not declared', async () => {
    await expect(server.resource.verify('token', '/other')).rejects.toThrow('no resource is declared at /other');
  });
});
