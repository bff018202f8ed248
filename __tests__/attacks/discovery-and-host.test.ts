/** Discovery: Host and forwarding headers that lie, odd paths, weak capabilities, leaking keys */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../helpers/oauth-client.ts';
import { insides, request, startTarget, statusOf, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const serverMetadata = '/.well-known/oauth-authorization-server';
const documents = [
  serverMetadata,
  '/.well-known/openid-configuration',
  `${serverMetadata}/mcp`,
  '/.well-known/oauth-protected-resource/mcp',
];
const hostOf = () => new URL(target.url).host;

const lies: readonly (readonly [string, string])[] = [
  ['X-Forwarded-Host', 'evil.example'],
  ['X-Forwarded-Host', 'evil.example, 127.0.0.1'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Proto', 'javascript'],
  ['X-Forwarded-Port', '6666'],
  ['X-Forwarded-Prefix', '/evil'],
  ['X-Forwarded-Server', 'evil.example'],
  ['Forwarded', 'for=1.2.3.4;host=evil.example;proto=https'],
  ['X-Original-Host', 'evil.example'],
  ['X-Host', 'evil.example'],
  ['X-Original-URL', '/evil'],
  ['X-Rewrite-URL', '/evil'],
  ['X-HTTP-Host-Override', 'evil.example'],
  ['Base-Url', 'https://evil.example'],
];

describe.each(lies)('%s: %s', (name, value) => {
  it('changes no document (RFC 8414 section 3.3, RFC 9728 section 7.3, CVE-2026-40575)', async () => {
    for (const path of documents) {
      const [plain, lied] = [
        await send(target.url + path),
        await send(target.url + path, { headers: { [name]: value } }),
      ];
      expect([lied.status, lied.text]).toEqual([200, plain.text]);
    }
  });

  it('changes no challenge, no redirect and no error (RFC 9700 section 4.4)', async () => {
    const challenge = await send(`${target.url}/mcp`, { headers: { [name]: value } });
    expect(challenge.status).toBe(401);
    expect(challenge.headers.get('www-authenticate')).toContain(`resource_metadata="${target.url}/.well-known/`);
    const asked = await send(target.client.authorizeUrl(), { headers: { [name]: value } });
    expect(asked.status).toBe(303);
    expect(asked.headers.get('location')).toMatch(/^\/oauth\/interaction\/[\w-]+$/);
    for (const answer of [challenge, asked]) {
      expect(`${answer.text} ${JSON.stringify([...answer.headers])}`).not.toContain('evil');
    }
  });
});

it('a forwarding header of a proxy that the app trusts names no other host either', async () => {
  const behindProxy = await startTarget({ trustsProxy: true });
  try {
    for (const path of [...documents, '/mcp', '/oauth/authorize?client_id=x']) {
      const headers = { 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' };
      const answer = await send(behindProxy.url + path, { headers });
      expect(answer.status).toBe(421);
      expect(`${answer.text} ${JSON.stringify([...answer.headers])}`).not.toContain('evil');
    }
  } finally {
    await behindProxy.close();
  }
});

describe('a Host that is not served', () => {
  const hosts = [
    'evil.example',
    'evil.example:80',
    'localhost',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.1',
    '2130706433',
    '[::1]',
    'user@evil.example',
    '',
    'evil.example/',
    '127.0.0.1.evil.example',
    "evil.example'><script>",
    'a'.repeat(3000),
  ];
  it.each(hosts)('%j gets neither document nor page, and is not reflected', async (host) => {
    for (const path of [...documents, '/oauth/authorize', '/oauth/register', '/oauth/token', '/oauth/jwks', '/mcp']) {
      const answer = await target.raw(request(`GET ${path} HTTP/1.1`, [`Host: ${host}`]));
      expect([path, [400, 421].includes(statusOf(answer))]).toEqual([path, true]);
      if (host.length > 12) expect(answer).not.toContain(host);
      expect(answer).not.toMatch(insides);
    }
  });

  it.each([
    ['two of them', (host: string) => [`Host: ${host}`, 'Host: evil.example']],
    ['two of them, the lie first', (host: string) => ['Host: evil.example', `Host: ${host}`]],
    ['none', () => []],
    ['one folded over two lines', (host: string) => [`Host: ${host}`, ' evil.example']],
    ['one with space before the colon', (host: string) => ['Host : evil.example', `Host: ${host}`]],
    ['one with a control character', (host: string) => [`Host: ${host}\x01`]],
  ])('%s is refused (RFC 9112 section 3.2)', async (_what, headers) => {
    const answer = await target.raw(request(`GET ${serverMetadata} HTTP/1.1`, headers(hostOf())));
    expect(answer.startsWith('HTTP/1.1 200') ? answer : '').not.toContain('evil.example');
    expect([400, 421]).toContain(statusOf(answer));
  });

  it('in an absolute request target counts for nothing (RFC 9112 section 3.2.2)', async () => {
    const line = `GET http://evil.example${serverMetadata} HTTP/1.1`;
    const answer = await target.raw(request(line, [`Host: ${hostOf()}`]));
    expect(answer).not.toContain('evil.example');
    expect(statusOf(answer)).toBeLessThan(500);
  });
});

describe('odd spellings of well-known paths', () => {
  const paths = [
    '//.well-known/oauth-authorization-server',
    '/.well-known//oauth-authorization-server',
    '/.well-known/../.well-known/oauth-authorization-server',
    '/.well-known/%2e%2e/oauth-authorization-server',
    '/.well-known/oauth-authorization-server%00',
    '/.well-known/oauth-authorization-server/..%2f..%2fetc/passwd',
    '/.well-known/oauth-authorization-server/%',
    '/.well-known/oauth-authorization-server/%ff%fe',
    '/.well-known/oauth-authorization-server;jsessionid=1',
    '/.well-known/oauth-authorization-server\\..\\',
    '/.well-known/oauth-protected-resource/unknown',
    '/.well-known/oauth-protected-resource/mcp/../other/x',
    '/.well-known/oauth-protected-resource/__proto__',
    '/.well-known/oauth-protected-resource/constructor',
    '/.well-known/oauth-protected-resource//mcp',
    '/.well-known/oauth-client/%2e%2e',
    '/.well-known/oauth-client/__proto__',
    `/.well-known/oauth-authorization-server/${'a'.repeat(8000)}`,
    '/oauth/interaction/__proto__',
    '/oauth/interaction/%00',
    '/oauth/authorize/__proto__',
    '/oauth/%61uthorize',
    '/OAUTH/AUTHORIZE',
    '/oauth/../oauth/token',
  ];
  it.each(paths)('%s is 4xx and tells nothing of the inside (CWE-22)', async (path) => {
    const answer = await target.raw(request(`GET ${path} HTTP/1.1`, [`Host: ${hostOf()}`]));
    expect(statusOf(answer)).toBeGreaterThanOrEqual(400);
    expect(statusOf(answer)).toBeLessThan(500);
    expect(answer).not.toMatch(/"issuer"|root:|passwd:/);
  });
});

describe('what is advertised', () => {
  it('names the issuer byte for byte, and endpoints of its origin alone (RFC 8414 section 3.3)', async () => {
    const { json = {} } = await send(target.url + serverMetadata);
    expect(json.issuer).toBe(target.url);
    const endpoints = Object.entries(json).filter(([name]) => /_endpoint$|_uri$/.test(name));
    expect(endpoints.length).toBeGreaterThan(4);
    for (const [, value] of endpoints) expect(new URL(String(value)).origin).toBe(target.url);
  });

  it('offers code with S256 alone: no implicit, hybrid or password, no none, no symmetric signature', async () => {
    const { json = {}, text } = await send(target.url + serverMetadata);
    expect(json).toMatchObject({
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });
    expect(json.grant_types_supported).not.toEqual(expect.arrayContaining(['implicit']));
    expect(json.grant_types_supported).not.toEqual(expect.arrayContaining(['password']));
    const algorithms = Object.entries(json).filter(([name]) => /_alg(s|_values)?_supported$/.test(name));
    expect(algorithms.length).toBeGreaterThan(0);
    expect(JSON.stringify(algorithms)).not.toMatch(/"none"|"HS\d/);
    expect(text).not.toContain(target.idp.issuer); // Whom this server trusts is nobody's business.
  });

  it('publishes public key members only (RFC 7517 section 9.2)', async () => {
    const { json } = await send(`${target.url}/oauth/jwks`);
    const keys = json?.keys as Record<string, unknown>[];
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys)
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(key).not.toHaveProperty(member);
  });

  it('says of a resource that tokens go in the header, and lists no offline_access (RFC 9728 section 2)', async () => {
    const { json } = await send(`${target.url}/.well-known/oauth-protected-resource/mcp`);
    expect(json).toMatchObject({
      resource: `${target.url}/mcp`,
      authorization_servers: [target.url],
      bearer_methods_supported: ['header'],
    });
    expect(JSON.stringify(json)).not.toContain('offline_access');
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'])('is not changed by %s', async (method) => {
    for (const path of documents) {
      const { status } = await send(target.url + path, { method, body: '{"issuer":"https://evil.example"}' });
      expect([404, 405]).toContain(status);
    }
  });
});
