import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type ConfigurationError, type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callbackOf, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';

const files = 'https://files.example.com/mcp';
const mail = 'https://mail.example.com';
let gateway: Gateway;
let client: OAuthClient;
beforeAll(async () => {
  gateway = await startGateway({
    options: () => ({
      resources: [
        {
          url: files,
          scopes: ['files:read'],
          optionalScopes: ['files:write'],
          displayName: 'Company files',
          accessTokenFormat: 'jwt',
          accessTokenTtlSeconds: 120,
        },
        { url: mail },
        { url: 'https://files.example.com/only-there' },
      ],
    }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp', { default: true }), (_req, res) => void res.json({ ok: true }));
      app.use((_req, res) => void res.status(299).end());
    },
  });
  client = await createOAuthClient(gateway.url, {}, files);
});
afterAll(() => gateway.close());

/** The token that an authorization for a resource ends in. */
async function tokenFor(resource: string | undefined, scope?: string): Promise<Record<string, unknown>> {
  const code = await client.login(createBrowser(), { resource, scope });
  return (await client.redeem(code, { resource })).json ?? {};
}

describe('a resource that another server hosts', () => {
  it('gets tokens of its own audience, scopes, format and lifetime (RFC 8707 section 2.2)', async () => {
    const { access_token: token, expires_in: lifetime, scope } = await tokenFor(files);

    expect([lifetime, scope]).toEqual([120, 'files:read']);
    expect(decodeJwt(String(token))).toMatchObject({ aud: files, iss: gateway.url, scope: 'files:read' });
  });

  it('may be asked for with its optional scopes, and with no others', async () => {
    expect((await tokenFor(files, 'files:write mcp:tools')).scope).toBe('files:write');
  });

  it.each(['https://FILES.example.com/mcp', 'https://files.example.com:443/mcp/'])(
    'is meant by %s, too, and the audience is the declared spelling',
    async (spelling) => {
      const { access_token: token } = await tokenFor(spelling);

      expect(decodeJwt(String(token)).aud).toBe(files);
    },
  );

  it('may be a whole origin', async () => {
    const { access_token: token } = await tokenFor(mail);
    const { json } = await client.introspect(String(token));

    expect(json).toMatchObject({ active: true, aud: `${mail}/` });
  });

  it('is named on the approval page with its URL (MCP 2026-07-28, Confused Deputy)', async () => {
    const page = await createBrowser().get(client.authorizeUrl({ resource: files }));

    expect(page.text).toContain('Company files');
    expect(page.text).toContain(files);
  });

  it.each([
    'https://files.example.com/other',
    'https://files.example.com',
    'http://files.example.com/mcp',
    'https://evil.example/mcp',
    'https://user@files.example.com/mcp',
    'https://files.example.com/mcp#a',
  ])('is not meant by %s: invalid_target (RFC 8707 section 2)', async (resource) => {
    const page = await createBrowser().get(client.authorizeUrl({ resource }), {
      stopAt: (url) => !url.startsWith(gateway.url),
    });

    expect(callbackOf(page).error).toBe('invalid_target');
  });

  it('does not answer for the path at the gateway itself', async () => {
    const page = await createBrowser().get(client.authorizeUrl({ resource: `${gateway.url}/nothing` }), {
      stopAt: (url) => !url.startsWith(gateway.url),
    });

    expect(callbackOf(page).error).toBe('invalid_target');
  });

  it('leaves the resource that a client means without naming one to the default', async () => {
    const { access_token: token } = await tokenFor(undefined);

    expect((await client.introspect(String(token))).json?.aud).toBe(`${gateway.url}/mcp`);
  });

  it('gets no token by a code or a refresh token for another one (RFC 8707 section 2.2)', async () => {
    const code = await client.login(createBrowser(), { resource: mail });
    const redeemed = await client.redeem(code, { resource: mail });
    const refreshed = await client.refresh(String(redeemed.json?.refresh_token), { resource: files });

    expect(refreshed).toMatchObject({ status: 400, json: { error: 'invalid_target' } });
  });
});

describe('its metadata', () => {
  it.each(['oauth-protected-resource', 'oauth-authorization-server', 'openid-configuration'])(
    'is not at the gateway: /.well-known/%s with its path is the app’s',
    async (name) => {
      expect((await send(`${gateway.url}/.well-known/${name}/only-there`)).status).toBe(299);
    },
  );

  it('does not stand in for that of a resource of the gateway with the same path', async () => {
    const { json } = await send(`${gateway.url}/.well-known/oauth-protected-resource/mcp`);

    expect(json).toMatchObject({ resource: `${gateway.url}/mcp`, resource_name: '/mcp' });
  });

  it('leaves the root form to the one resource of the gateway (RFC 9728 section 3.1)', async () => {
    const { json } = await send(`${gateway.url}/.well-known/oauth-protected-resource`);

    expect(json).toMatchObject({ resource: `${gateway.url}/mcp`, scopes_supported: ['mcp:tools'] });
  });

  it('has its scopes in the metadata of the authorization server (RFC 8414 section 2)', async () => {
    const { json } = await send(`${gateway.url}/.well-known/oauth-authorization-server`);

    expect(json?.scopes_supported).toEqual(expect.arrayContaining(['mcp:tools', 'files:read', 'files:write']));
  });
});

describe('the option resources', () => {
  const issuer = 'http://127.0.0.1:3000';
  const create = (options: object) =>
    mcpOAuth({
      issuer,
      browserLogin: { url: `${issuer}/oauth/dev-login` },
      storage: memoryStorage(),
      ...options,
    } as McpOAuthOptions);

  function problemsOf(options: object): string[] {
    try {
      void create(options).close();
      return [];
    } catch (error) {
      return (error as ConfigurationError).message.split('\n').map((line) => line.trim());
    }
  }

  it.each([
    'https://files.example.com',
    'https://files.example.com/',
    'https://files.example.com:8443/a/b',
    'http://127.0.0.1:4000/mcp',
    'http://localhost:4000/mcp',
  ])('takes the URL %s', (url) => {
    expect(problemsOf({ resources: [{ url }] })).toEqual([]);
  });

  it.each([
    'files.example.com/mcp',
    '/mcp',
    'http://files.example.com/mcp',
    'https://files.example.com/mcp/',
    'https://files.example.com/mcp?a=1',
    'https://files.example.com/mcp#a',
    'https://user@files.example.com/mcp',
    'https://FILES.example.com/mcp',
    'https://files.example.com//mcp',
    'https://files.example.com/a/../mcp',
    7,
  ])('refuses the URL %s', (url) => {
    const kind = typeof url;
    expect(problemsOf({ resources: [{ url }] })).toEqual([
      'mcpOAuth(options):',
      `resources[0].url: must be an https URL (http on loopback) without query, fragment or trailing slash, such as 'https://files.example.com/mcp', got ${kind}`,
    ]);
  });

  it('tells all problems at once, and the nearest name of an unknown one', () => {
    expect(problemsOf({ resources: [{ uri: files, scopes: 'all', accessTokenFormat: 'saml' }] })).toEqual([
      'mcpOAuth(options):',
      'resources[0].uri: is not an option; did you mean resources[0].url?',
      "resources[0].url: must be given, such as 'https://files.example.com/mcp'",
      "resources[0].accessTokenFormat: must be 'opaque' or 'jwt', got string",
      'resources[0].scopes: must be an array of scope tokens (RFC 6749 section 3.3), got string',
    ]);
  });

  it('refuses one URL with two meanings, and two defaults', () => {
    expect(problemsOf({ resources: [{ url: files }, { url: files, scopes: ['a'] }] })).toEqual([
      'resource:',
      `${files}: is declared already with other options; give the same options or another path`,
    ]);
    const resources = [
      { url: files, default: true },
      { url: mail, default: true },
    ];
    expect(problemsOf({ resources })).toEqual(['resource:', `${mail}/: cannot be the default: ${files} is it already`]);
  });

  it('refuses a path of this origin that is a route here', () => {
    expect(problemsOf({ resources: [{ url: `${issuer}/mcp` }], routes: [{ path: '/mcp' }] })).toEqual([
      'resource:',
      `${issuer}/mcp: is declared already with other options; give the same options or another path`,
    ]);
    expect(problemsOf({ resources: [{ url: `${issuer}/other` }], routes: [{ path: '/mcp' }] })).toEqual([]);
  });

  it('refuses to verify its tokens here: they are for another server', async () => {
    const auth = create({ resources: [{ url: files }] });
    await expect(auth.verify('token', '/mcp')).rejects.toThrow('no resource is declared at /mcp');
    await auth.close();
  });
});
