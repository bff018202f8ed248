import { describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { type McpOAuth, mcpOAuth, memoryStorage } from '../../lib/index.ts';

const host = '127.0.0.1:3000';
const forms = ['oauth-authorization-server', 'openid-configuration'];

function create(issuer = `http://${host}`, paths: readonly string[] = ['/mcp', '/a/b']): McpOAuth {
  return mcpOAuth({
    issuer,
    browserLogin: { url: `${issuer}/oauth/dev-login` },
    storage: memoryStorage(),
    secret: 'x'.repeat(32),
    routes: paths.map((path) => ({ path })),
  });
}

const get = (app: express.Express, path: string) => request(app).get(path).set('host', host);

describe.each(forms)('/.well-known/%s', (form) => {
  const name = `/.well-known/${form}`;

  test.each([
    ['bare', name],
    ['with a slash behind', `${name}/`],
    ['with a query', `${name}?a=1`],
    ['inserted before a resource (RFC 8414 section 3.1)', `${name}/mcp`],
    ['inserted before a resource of two segments', `${name}/a/b`],
    ['inserted, with a slash behind', `${name}/mcp/`],
    ['appended to a resource (OpenID Connect Discovery section 4.1)', `/mcp${name}`],
    ['appended to a resource of two segments', `/a/b${name}`],
  ])('is one document in each form that clients probe: %s', async (_what, path) => {
    const app = express().use(create());
    const bare = await get(app, name).expect(200);
    const answer = await get(app, path).expect(200);
    expect(answer.text).toBe(bare.text);
    expect(answer.body.issuer).toBe(`http://${host}`);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'access-control-allow-origin': '*',
      'content-length': String(Buffer.byteLength(bare.text)),
    });
  });

  test.each([
    ['inserted before what is not declared', `${name}/other`],
    ['inserted before a path below a resource', `${name}/mcp/sub`],
    ['inserted before a resource in another case', `${name}/MCP`],
    ['inserted twice', `${name}/mcp${name}`],
    ['appended to what is not declared', `/other${name}`],
    ['in another case', name.toUpperCase()],
    ['with a letter more', `${name}s`],
    ['encoded', name.replace('-', '%2d')],
  ])('is not ours %s', async (_what, path) => {
    await get(express().use(create()), path).expect(404);
  });

  test('of an issuer with a path is served in all forms, each where its mount lets it be seen', async () => {
    const auth = create(`http://${host}/gw`, ['/gw/mcp']);
    const root = express().use(auth.wellKnown()).use('/gw', auth);
    const bare = await get(root, name).expect(200);
    expect(bare.body).toMatchObject({
      issuer: `http://${host}/gw`,
      token_endpoint: `http://${host}/gw/oauth/token`,
    });
    for (const path of [`${name}/gw`, `${name}/gw/`, `/gw${name}`, `${name}/gw/mcp`, `/gw/mcp${name}`])
      expect((await get(root, path).expect(200)).text).toBe(bare.text);
    await get(root, `${name}/other`).expect(404);
    await get(root, '/gw/oauth/jwks').expect(200);
    await get(root, '/oauth/jwks').expect(404);
  });

  test('of an issuer with a path is served by a middleware at the root as well', async () => {
    const root = express().use(create(`http://${host}/gw`, ['/gw/mcp']));
    for (const path of [name, `${name}/gw`, `/gw${name}`, `${name}/gw/mcp`, '/gw/oauth/jwks'])
      await get(root, path).expect(200);
  });

  test('answers GET, HEAD and a preflight; all other methods are 405', async () => {
    const app = express().use(create());
    const to = (method: 'head' | 'options' | 'post') => request(app)[method](name).set('host', host);
    expect((await to('head').expect(200)).text).toBeUndefined();
    expect((await to('options').expect(204)).headers['access-control-allow-methods']).toBe('GET');
    expect((await to('post').expect(405)).headers.allow).toBe('GET, HEAD, OPTIONS');
  });
});

describe('the document', () => {
  test('names only endpoints that are served, under the issuer', async () => {
    const app = express().use(create());
    const { body } = await get(app, '/.well-known/oauth-authorization-server').expect(200);
    const endpoints = Object.entries(body as Record<string, unknown>).filter(([member]) =>
      /_endpoint$|^jwks_uri$/.test(member),
    );
    expect(endpoints.length).toBeGreaterThanOrEqual(6);
    for (const [member, url] of endpoints) {
      expect(String(url)).toMatch(new RegExp(`^http://${host}/oauth/`));
      const { status } = await get(app, new URL(String(url)).pathname);
      expect([member, status]).not.toEqual([member, 404]);
    }
  });

  test('says what MCP clients look for (MCP 2026-07-28, Authorization)', async () => {
    const { body } = await get(express().use(create()), '/.well-known/oauth-authorization-server').expect(200);
    expect(body).toMatchObject({
      response_types_supported: ['code'],
      grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: expect.arrayContaining(['none']),
      scopes_supported: ['mcp:tools', 'offline_access'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    });
    for (const member of [
      'userinfo_endpoint',
      'end_session_endpoint',
      'claims_supported',
      'device_authorization_endpoint',
    ])
      expect(body).not.toHaveProperty(member);
  });
});
