/** Registration: chosen identities, privileges, secrets, floods of members, deceiving links, SSRF by metadata */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createOAuthClient, register, send } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterEach(() => {
  expect([target.host.requests, target.host.lookups, target.idp.requests]).toEqual([[], [], []]); // Nothing is fetched.
  target.reset();
});
afterAll(() => target.close());

const redirect_uris = ['https://client.example/cb'];
const stored = (writes: readonly string[]) => writes.filter((write) => write !== 'increment');

describe('a client chooses neither its name nor its rights (RFC 7591 section 3.1)', () => {
  it.each<[string, unknown]>([
    ['client_id', 'chosen'],
    ['client_id', 'https://client.example/client.json'],
    ['client_secret', 'chosen secret'],
    ['client_secret_expires_at', 0],
    ['client_id_issued_at', 1],
    ['registration_access_token', 'chosen'],
    ['registration_client_uri', 'https://evil.example'],
    ['software_statement', 'eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJ4In0.'],
    ['grant_types', ['authorization_code', 'client_credentials']],
    ['grant_types', ['urn:ietf:params:oauth:grant-type:jwt-bearer', 'authorization_code']],
    ['grant_types', ['password', 'authorization_code', 'implicit']],
    ['response_types', ['code', 'token', 'id_token', 'code id_token token']],
    ['scope', 'admin root mcp:tools other:read'],
    ['resource_scopes', { '/mcp': ['admin'] }],
    ['introspection', true],
    ['consent', false],
    ['skip_consent', true],
    ['trusted', true],
    ['require_pkce', false],
    ['token_endpoint_auth_signing_alg', 'none'],
    ['id_token_signed_response_alg', 'none'],
    ['subject_type', 'pairwise'],
    ['require_auth_time', false],
    ['default_acr_values', ['x']],
    ['post_logout_redirect_uris', ['https://evil.example']],
    ['backchannel_logout_uri', 'https://evil.example'],
    ['dpop_bound_access_tokens', false],
    ['authorization_details_types', ['x']],
    ['unknown_member', { a: 1 }],
    ['__proto__', { grant_types: ['client_credentials'], isAdmin: true }],
    ['constructor', { prototype: { isAdmin: true } }],
    ['toString', 'x'],
    ['hasOwnProperty', 'x'],
  ])('%s: %j', async (name, value) => {
    const body = `{"redirect_uris":["https://client.example/cb"],${JSON.stringify(name)}:${JSON.stringify(value)}}`;
    const { status, json = {}, text } = await register(target.url, body);
    expect([201, 400]).toContain(status);
    if (status === 400) return;
    expect(json.client_id).not.toBe('chosen');
    expect(String(json.client_id)).not.toMatch(/^https:/);
    expect(String(json.client_id).length).toBeGreaterThanOrEqual(21);
    expect(text).not.toMatch(
      /chosen|evil\.example|password|implicit|client_credentials|jwt-bearer|isAdmin|"none".*signed/,
    );
    expect(json.grant_types).toEqual(expect.not.arrayContaining(['client_credentials']));
    expect(json.response_types).toEqual(['code']);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it('two clients have nothing in common', async () => {
    const [one, other] = [
      await register(target.url, { redirect_uris, token_endpoint_auth_method: 'client_secret_post' }),
      await register(target.url, { redirect_uris, token_endpoint_auth_method: 'client_secret_post' }),
    ];
    expect(one.json?.client_id).not.toBe(other.json?.client_id);
    expect(one.json?.client_secret).not.toBe(other.json?.client_secret);
    expect(String(one.json?.client_secret).length).toBeGreaterThanOrEqual(32);
  });

  it('a public client gets no secret, and no answer has null or what belongs to this server (RFC 7591 section 3.2.1)', async () => {
    const { json = {}, headers, text } = await register(target.url, { redirect_uris, client_name: null, scope: null });
    expect(json).not.toHaveProperty('client_secret');
    expect(text).not.toContain('null');
    expect(text).not.toContain(target.idp.clientSecret);
    expect([headers.get('cache-control'), headers.get('set-cookie')]).toEqual(['no-store', null]);
  });
});

describe('what is no registration is 400 and leaves nothing behind', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['a word', 'x'],
    ['null', 'null'],
    ['a number', '7'],
    ['text', '"x"'],
    ['a list', '[]'],
    ['a list of clients', '[{"redirect_uris":["https://client.example/cb"]}]'],
    ['an empty object', '{}'],
    ['half an object', '{"redirect_uris":["https://client.example/cb"]'],
    ['two objects', '{"redirect_uris":["https://client.example/cb"]}{}'],
    ['a comment', '{"redirect_uris":["https://client.example/cb"]/**/}'],
    ['NaN', '{"redirect_uris":["https://client.example/cb"],"x":NaN}'],
    ['a form', 'redirect_uris=https://client.example/cb'],
    ['depth', '['.repeat(8000)],
    [
      'too many redirect URIs',
      JSON.stringify({ redirect_uris: Array.from({ length: 21 }, (_, index) => `https://client.example/${index}`) }),
    ],
    ['wrong kinds', '{"redirect_uris":{"0":"https://client.example/cb","length":1}}'],
    [
      'private keys',
      '{"redirect_uris":["https://client.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y","d":"d"}]}}',
    ],
    [
      'symmetric keys',
      '{"redirect_uris":["https://client.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[{"kty":"oct","k":"AAAA"}]}}',
    ],
    [
      'keys that are none',
      '{"redirect_uris":["https://client.example/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":"x"}}',
    ],
  ])('%s', async (_what, body) => {
    const { answer, writes } = await target.gateway.observe(() => register(target.url, body));
    expect([answer.status, stored(writes)]).toEqual([400, []]);
    expect(answer.json).toHaveProperty('error');
    expect(answer.text).not.toMatch(insides);
    expect(answer.text).not.toMatch(/position \d+|Unexpected/);
  });

  it.each<[string, Record<string, unknown>]>([
    ['an unknown method', { token_endpoint_auth_method: 'magic' }],
    ['a list of methods', { token_endpoint_auth_method: ['client_secret_basic'] }],
    ['keys and their address', { jwks: { keys: [] }, jwks_uri: 'https://client.example/jwks' }],
    ['members nested two thousand deep', { jwks: JSON.parse(`${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}`) }],
  ])('but %s is left out, and gives no more than a public client has', async (_what, metadata) => {
    const { status, json } = await register(target.url, { redirect_uris, ...metadata });
    expect([status, json?.token_endpoint_auth_method]).toEqual([201, 'none']);
    for (const name of ['client_secret', 'jwks', 'jwks_uri']) expect(json).not.toHaveProperty(name);
  });

  it('a lone surrogate or NUL is never stored (PostgreSQL holds none)', async () => {
    for (const client_name of ['a\0b', '\ud800', 'x\udfffy'])
      for (const name of ['client_name', 'software_id', 'software_version', 'client_uri', 'contacts'])
        expect(
          (await register(target.url, { redirect_uris, [name]: name === 'contacts' ? [client_name] : client_name }))
            .status,
        ).toBeLessThan(500);
  });

  it.each<[string, Record<string, string>, string]>([
    ['a compressed body', { 'content-encoding': 'gzip' }, 'x'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, '{}'],
    ['text', { 'content-type': 'text/plain' }, '{}'],
    ['no type', { 'content-type': '' }, '{}'],
    ['a type that is two', { 'content-type': 'application/json, text/plain' }, '{}'],
  ])('%s', async (_what, headers, body) => {
    expect((await register(target.url, body, headers)).status).toBe(400);
  });

  it('a body over 16 KiB is refused before it is read, declared or not (CWE-400)', async () => {
    const large = JSON.stringify({ redirect_uris, client_name: 'x'.repeat(17_000) });
    expect((await register(target.url, large)).status).toBe(413);
    const chunked = await send(`${target.url}/oauth/register`, {
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: large,
    });
    expect(chunked.status).toBe(413);
  });

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'TRACE'])('%s is no way to register', async (method) => {
    expect((await send(`${target.url}/oauth/register`, { method })).status).toBe(405);
  });
});

describe('a registration is not read or changed by others (RFC 7592 section 2)', () => {
  it.each(['GET', 'PUT', 'DELETE', 'POST', 'PATCH'])('%s at its own address', async (method) => {
    const client = await createOAuthClient(target.url);
    for (const authorization of [undefined, 'Bearer x', `Bearer ${client.clientId}`]) {
      const { status, text } = await send(`${target.url}/oauth/register/${client.clientId}`, {
        method,
        headers: { ...(authorization && { authorization }), 'content-type': 'application/json' },
        ...(method !== 'GET' && {
          body: JSON.stringify({ client_id: client.clientId, redirect_uris: ['https://evil.example'] }),
        }),
      });
      expect([401, 404, 405]).toContain(status);
      expect(text).not.toContain('redirect_uris');
    }
    expect((await target.browser().get(client.authorizeUrl())).status).toBe(200);
  });
});

describe('addresses in metadata are not fetched at registration (CIMD draft, SSRF)', () => {
  const inside = [
    'http://127.0.0.1/jwks',
    'http://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/jwks',
    'https://[::1]/jwks',
    'https://localhost/jwks',
    'https://metadata.google.internal/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_',
    'https://client.example/jwks',
  ];
  it.each(inside)('%s', async (uri) => {
    for (const member of [
      'jwks_uri',
      'sector_identifier_uri',
      'logo_uri',
      'request_uris',
      'initiate_login_uri',
      'policy_uri',
    ]) {
      const value = member === 'request_uris' ? [uri] : uri;
      const { status, text } = await register(target.url, {
        redirect_uris,
        token_endpoint_auth_method: 'none',
        [member]: value,
      });
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(insides);
    }
  });
});
