import { afterEach, describe, expect, jest, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { ConfigurationError, type McpOAuth, type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';

/** What these tests change of oidc-provider's configuration. */
interface Changeable extends Record<string, unknown> {
  pkce: object;
  responseTypes: string[];
  routes: object;
  scopes: string[];
  cookies: object;
  extraClientMetadata: { properties: string[] };
  features: { resourceIndicators: object; devInteractions: object };
}
type Change = (configuration: Changeable) => void;

const issuer = 'http://127.0.0.1:3000';
const metadataPath = '/.well-known/oauth-authorization-server';
const opened: McpOAuth[] = [];

afterEach(async () => {
  jest.restoreAllMocks();
  for (const auth of opened.splice(0)) await auth.close();
});

function create(options: Partial<McpOAuthOptions> = {}): McpOAuth {
  const auth = mcpOAuth({
    issuer,
    browserLogin: { url: `${issuer}/oauth/dev-login` },
    storage: memoryStorage(),
    secret: 'a secret of these tests, long enough for everyone',
    ...options,
  });
  opened.push(auth);
  return auth;
}

function configured(change: Change): McpOAuth {
  return create({ configureProvider: change as never, routes: [{ path: '/mcp' }] });
}

/** Options named in the error with which no provider is built; none where one is. */
async function refusedBy(change: Change): Promise<string[]> {
  const error: unknown = await configured(change)
    .ready()
    .catch((caught: unknown) => caught);
  if (error === undefined) return [];
  expect(error).toBeInstanceOf(ConfigurationError);
  expect((error as Error).message).toMatch(/^configureProvider\(configuration\):\n/);
  return (error as ConfigurationError).problems.map(({ option }) => option);
}

async function metadataOf(auth: McpOAuth): Promise<Record<string, unknown>> {
  const answer = await request(express().use(auth)).get(metadataPath).set('host', '127.0.0.1:3000').expect(200);
  return answer.body;
}

const guarded = [
  'adapter',
  'fetch',
  'findAccount',
  'interactions',
  'loadExistingGrant',
  'pkce',
  'renderError',
  'responseTypes',
  'revokeGrantPolicy',
  'rotateRefreshToken',
  'routes',
  'clientBasedCORS',
  'assertJwtClientAuthClaimsAndHeader',
  'extraClientMetadata',
];

describe('configureProvider', () => {
  test.each(guarded)('may not replace or remove %s, on which safety rests (DESIGN 2)', async (name) => {
    expect(await refusedBy((configuration) => Object.assign(configuration, { [name]: () => true }))).toEqual([name]);
    expect(await refusedBy((configuration) => delete configuration[name])).toEqual([name]);
  });

  test.each<[string, Change]>([
    ['pkce', ({ pkce }) => Object.assign(pkce, { required: () => false })],
    ['responseTypes', ({ responseTypes }) => responseTypes.push('code token')],
    ['routes', ({ routes }) => Object.assign(routes, { token: '/elsewhere' })],
    ['extraClientMetadata', ({ extraClientMetadata }) => extraClientMetadata.properties.pop()],
    [
      'features.resourceIndicators',
      ({ features }) => Object.assign(features.resourceIndicators, { getResourceServerInfo: () => ({}) }),
    ],
    [
      'features.resourceIndicators',
      ({ features }) => Object.assign(features, { resourceIndicators: { enabled: false } }),
    ],
    ['features.devInteractions', ({ features }) => Object.assign(features, { devInteractions: { enabled: true } })],
    ['features.devInteractions', ({ features }) => Object.assign(features.devInteractions, { enabled: true })],
    ['cookies.keys', ({ cookies }) => Object.assign(cookies, { keys: [] })],
    ['cookies.keys', (configuration) => Reflect.deleteProperty(configuration, 'cookies')],
  ])('may not change %s in place either (%#)', async (name, change) => {
    expect(await refusedBy(change)).toEqual([name]);
  });

  test('gets all that it may not change told at once, and the same at every request until it is mended', async () => {
    const auth = configured((configuration) => {
      for (const name of guarded) Object.assign(configuration, { [name]: {} });
      Object.assign(configuration, { features: { devInteractions: { enabled: true } }, cookies: {} });
    });
    const first = await auth.ready().catch((error: ConfigurationError) => error.problems.map(({ option }) => option));
    expect(first).toEqual([...guarded, 'features.resourceIndicators', 'features.devInteractions', 'cookies.keys']);
    const answer = await request(express().use(auth)).get(metadataPath).set('host', '127.0.0.1:3000');
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({ error: 'server_error', error_description: 'the request failed' });
  });

  test('may change anything else, in place or by replacing it', async () => {
    const auth = configured((configuration) => {
      Object.assign(configuration, { discovery: { service_documentation: 'https://docs.example.com' } });
      configuration.scopes.push('extra');
      Object.assign(configuration.cookies, { keys: ['a key of the operator'] });
    });
    expect(await metadataOf(auth)).toMatchObject({
      service_documentation: 'https://docs.example.com',
      scopes_supported: expect.arrayContaining(['extra', 'mcp:tools']),
    });
  });

  test('runs once for each build, however many requests come first, and starts from the defaults each time', async () => {
    const scopes: string[][] = [];
    const auth = configured((configuration) => {
      scopes.push([...configuration.scopes]);
      configuration.scopes.push('extra');
    });
    await Promise.all(Array.from({ length: 20 }, () => auth.provider()));
    expect(scopes).toHaveLength(1);
    auth.authenticate('/other', { scopes: ['other'] });
    await auth.ready();
    expect(scopes).toHaveLength(2);
    expect(scopes.flat()).not.toContain('extra');
  });
});

describe('the provider', () => {
  test('is one for all requests, and another one after a resource was declared', async () => {
    const auth = create({ routes: [{ path: '/mcp' }] });
    const provider = await auth.provider();
    expect(await auth.provider()).toBe(provider);
    auth.authenticate('/mcp');
    expect(await auth.provider()).toBe(provider);
    auth.authenticate('/other');
    expect(await auth.provider()).not.toBe(provider);
  });

  test('knows the scopes of a resource that is declared after the first request', async () => {
    const auth = create({ routes: [{ path: '/mcp', scopes: ['read'] }] });
    expect((await metadataOf(auth)).scopes_supported).toEqual(['read', 'offline_access']);
    auth.authenticate('/other', { scopes: ['write', 'read'] });
    expect((await metadataOf(auth)).scopes_supported).toEqual(['read', 'write', 'offline_access']);
  });

  test('that could not be built is tried again by the next request: until then 503 with Retry-After (DESIGN 4.10)', async () => {
    const storage = memoryStorage();
    const { get } = storage;
    Object.assign(storage, { get: async () => Promise.reject(new StorageUnavailableError('down')) });
    const auth = create({ storage, routes: [{ path: '/mcp' }] });
    const app = express().use(auth);
    const ask = () => request(app).get(metadataPath).set('host', '127.0.0.1:3000');
    for (const answer of [await ask(), await ask()]) {
      expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    await expect(auth.ready()).rejects.toThrow(StorageUnavailableError);
    Object.assign(storage, { get });
    expect((await ask()).status).toBe(200);
    expect(await auth.provider()).toBe(await auth.provider());
  });

  test('is of its origin, and a flood of origins keeps a bounded number', async () => {
    let builds = 0;
    const auth = mcpOAuth({
      browserLogin: { url: `${issuer}/oauth/dev-login` },
      storage: memoryStorage(),
      secret: 'a secret of these tests, long enough for everyone',
      configureProvider: () => {
        builds += 1;
      },
    });
    opened.push(auth);
    const origin = (index: number) => `http://127.0.0.1:${4000 + index}`;
    expect((await auth.provider(origin(0))).issuer).toBe(origin(0));
    for (let index = 0; index < 512; index += 1) await auth.provider(origin(index));
    expect(builds).toBe(512);
    await auth.provider(origin(0)); // In use, so another one goes.
    await auth.provider(origin(512));
    await auth.provider(origin(512));
    await auth.provider(origin(0));
    expect(builds).toBe(513);
    await auth.provider(origin(1));
    expect(builds).toBe(514);
  });

  test('of an origin that is not served is refused', async () => {
    await expect(create().provider('https://evil.example')).rejects.toThrow(TypeError);
    await expect(create().provider('http://127.0.0.1:4000')).rejects.toThrow('is not served');
  });

  test('is built and answers without a word on the console and without a warning of the process', async () => {
    const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
    const spies = [
      ...methods.map((method) => jest.spyOn(console, method).mockImplementation(() => undefined)),
      jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined),
    ];
    const auth = create({ routes: [{ path: '/mcp' }] });
    await auth.ready();
    await metadataOf(auth);
    expect(spies.flatMap((spy) => spy.mock.calls as unknown[])).toEqual([]);
  });
});

test('a process that was idle while another one rotated knows the new key before its first answer', async () => {
  const storage = memoryStorage();
  const [rotating, idle] = [create({ storage }), create({ storage })];
  const keysOf = async (auth: McpOAuth) => {
    const answer = await request(express().use(auth)).get('/oauth/jwks').set('host', '127.0.0.1:3000').expect(200);
    return answer.body.keys as unknown[];
  };
  expect(await keysOf(idle)).toHaveLength(1);
  await rotating.rotateKeys();
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + 601_000);

  expect(await keysOf(idle)).toHaveLength(2);
});
