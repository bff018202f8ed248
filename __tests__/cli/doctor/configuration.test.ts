import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { redisStorage } from '../../../adapters/storage/redis.ts';
import type { Diagnosis } from '../../../lib/cli/doctor/check.ts';
import { configurationChecks } from '../../../lib/cli/doctor/checks.ts';
import { diagnose } from '../../../lib/cli/doctor/doctor.ts';
import {
  type McpOAuthOptions,
  mcpOAuth,
  memoryStorage,
  type Storage,
  StorageUnavailableError,
} from '../../../lib/index.ts';
import { type IdentityProvider, startIdentityProvider } from '../../helpers/identity-provider.ts';
import { type RedisServer, startRedis } from '../../helpers/redis-server.ts';
import { idsOf } from './deployment.ts';

const issuer = 'http://127.0.0.1:3000';
const randomSecret = 'kZ8vQ2mX4tR7wB1nJ6yH3cL9sF5dG0aPeUiT';
const daySeconds = 86_400;

let identityProvider: IdentityProvider;
beforeAll(async () => {
  identityProvider = await startIdentityProvider();
});
afterAll(() => identityProvider.close());
beforeEach(() => identityProvider.behave());

/** Options with which nothing is wrong. */
function sound(over: Partial<McpOAuthOptions> = {}): McpOAuthOptions {
  return {
    issuer,
    oidc: { issuer: identityProvider.issuer },
    browserLogin: { clientId: identityProvider.clientId, clientSecret: identityProvider.clientSecret },
    storage: memoryStorage({ acknowledgeLoss: true }),
    secret: randomSecret,
    ...over,
  };
}

function look(options: McpOAuthOptions, now: () => number = Date.now): Promise<Diagnosis> {
  return diagnose({ deployment: undefined, configuration: options, origin: undefined, timeoutMs: 60_000, now });
}

/** A store that differs from a sound one. */
function brokenStorage(change: (sound: Storage) => Partial<Storage>): Storage {
  const storage = memoryStorage({ acknowledgeLoss: true });
  return { ...storage, ...change(storage) };
}

const whatOf = ({ findings }: Diagnosis) => findings.map(({ what }) => what);

describe('doctor, of sound options', () => {
  it('finds nothing, and prints the redirect URI to register', async () => {
    const options = sound();
    const auth = mcpOAuth(options);
    await auth.ready();
    const diagnosis = await look(options);
    await auth.close();
    expect(diagnosis).toEqual({
      findings: [],
      passed: configurationChecks.map(({ id }) => id).filter((id) => id !== 'redis-eviction'),
      skipped: [{ id: 'redis-eviction', reason: 'this store has no such settings' }],
      notes: [`redirect URI to register at the identity provider: ${issuer}/oauth/callback`],
    });
  });

  it('leaves nothing of its own in the store', async () => {
    const written = new Set<string>();
    const storage = brokenStorage((store) => ({
      create: (kind, id, ...rest) => {
        written.add(`${kind} ${id}`);
        return store.create(kind, id, ...rest);
      },
      put: (kind, id, ...rest) => {
        written.add(`${kind} ${id}`);
        return store.put(kind, id, ...rest);
      },
    }));
    await look(sound({ storage }));
    const own = [...written].filter((entry) => entry.startsWith('Doctor '));
    expect(own).toHaveLength(3);
    expect(written.size).toBe(4); // And the signing keys, which every start makes.
    for (const entry of own) {
      const [kind = '', id = ''] = entry.split(' ');
      expect([entry, await storage.get(kind, id)]).toEqual([entry, undefined]);
    }
  });
});

describe('doctor, of options that are broken', () => {
  it('finds options: one line for each problem, and looks at nothing else', async () => {
    const diagnosis = await look({ ...sound(), issuer: 'mcp.example.com', issuerr: 1 } as McpOAuthOptions);
    expect(idsOf(diagnosis)).toEqual(['options']);
    expect(whatOf(diagnosis)).toEqual([
      expect.stringMatching(/^issuerr: is not an option/),
      expect.stringMatching(/^issuer: must be an https URL/),
    ]);
    expect(diagnosis.skipped).toHaveLength(configurationChecks.length - 1);
  });

  it('finds storage-write: a store that is down', async () => {
    const down = async () => {
      throw new StorageUnavailableError('the database: connection refused');
    };
    const storage = brokenStorage(() => ({ ping: down, get: down, put: down, create: down }));
    const diagnosis = await look(sound({ storage }));
    expect(whatOf(diagnosis)).toEqual(['the store fails: the database: connection refused']);
    expect(idsOf(diagnosis)).toEqual(['storage-write']);
  });

  it.each<[string, Partial<Storage>]>([
    ['a record was created twice', { create: async () => true }],
    ['a record that was just written is not read as it was written', { get: async () => undefined }],
    ['a record was consumed twice: consumed,consumed', { consume: async () => 'consumed' }],
  ])('finds storage-write: %s', async (what, change) => {
    const diagnosis = await diagnose({
      deployment: undefined,
      configuration: sound({ storage: brokenStorage(() => change) }),
      origin: undefined,
      timeoutMs: 60_000,
      now: Date.now,
      only: ['storage-write'],
    });
    expect(whatOf(diagnosis)).toEqual([what]);
  });

  it('finds storage-expiry: a store whose clock is another one', async () => {
    for (const [offset, what] of [
      [600, 'a record that ends in 30 seconds is gone already'],
      [-600, 'a record that ended 30 seconds ago is still there'],
    ] as const) {
      const storage = memoryStorage({ acknowledgeLoss: true, now: () => Date.now() / 1000 + offset });
      const diagnosis = await look(sound({ storage }));
      expect(diagnosis.findings).toMatchObject([{ id: 'storage-expiry', what }]);
    }
  });

  it('finds storage-volatile: memory', async () => {
    const diagnosis = await look(sound({ storage: memoryStorage() }));
    expect(diagnosis.findings).toMatchObject([
      { id: 'storage-volatile', what: 'the store is in the memory of one process' },
    ]);
  });

  it.each([
    ['secret has fewer than 8 different characters', { secret: 'abababababababababababababababababab' }],
    ['secret is made of words', { secret: 'correct horse battery staple correct horse' }],
    ['secret holds a word that guesses begin with', { secret: 'changeme-changeme-changeme-Q7xZ2' }],
    ['secret[1] is made of words', { secret: [randomSecret, 'correct horse battery staple correct horse'] }],
    [
      'registration.initialAccessToken is shorter than 22 characters',
      { registration: { initialAccessToken: 'Q7xZ2mX4tR7wB1nJ6' } },
    ],
    [
      'client_secret of the client ci is shorter than 22 characters',
      { clients: [{ client_id: 'ci', client_secret: 'Q7xZ2mX4tR7wB1nJ6', grant_types: ['client_credentials'] }] },
    ],
  ] satisfies [string, Partial<McpOAuthOptions>][])('finds weak-secret: %s', async (what, options) => {
    const diagnosis = await look(sound(options));
    expect(diagnosis.findings).toMatchObject([{ id: 'weak-secret', what }]);
  });

  it('finds signing-keys: another secret than they were sealed with', async () => {
    const options = sound();
    const auth = mcpOAuth(options);
    await auth.ready();
    await auth.close();
    const diagnosis = await look({ ...options, secret: `${randomSecret}-another-one` });
    expect(diagnosis.findings).toMatchObject([
      { id: 'signing-keys', what: expect.stringMatching(/were sealed with another secret/) },
    ]);
  });

  it('finds start: a provider that cannot be built', async () => {
    const configureProvider = (configuration: Record<string, unknown>) => {
      configuration.pkce = { required: () => false };
    };
    const diagnosis = await look(sound({ configureProvider }));
    expect(diagnosis.findings).toMatchObject([
      { id: 'start', what: expect.stringMatching(/^configureProvider, pkce: must not be replaced/) },
    ]);
  });

  it('finds key-age: a key that signs for longer than it should', async () => {
    const options = sound({ signingKeys: { rotateAfterSeconds: 90 * daySeconds } });
    const auth = mcpOAuth(options);
    await auth.ready();
    await auth.close();
    const later = () => Date.now() + 100 * daySeconds * 1000;
    const diagnosis = await diagnose({
      deployment: undefined,
      configuration: options,
      origin: undefined,
      timeoutMs: 60_000,
      now: later,
      only: ['key-age'],
    });
    expect(diagnosis.findings).toMatchObject([
      { id: 'key-age', severity: 'warning', what: 'the key that signs is 100 days old' },
    ]);
  });

  it('finds idp-discovery: an issuer with a slash too many', async () => {
    const diagnosis = await look(sound({ oidc: { issuer: `${identityProvider.issuer}/` } }));
    expect(diagnosis.findings).toMatchObject([
      { id: 'idp-discovery', what: expect.stringMatching(/\(a slash at the end\)$/) },
    ]);
  });

  it('finds idp-discovery: an identity provider that is down', async () => {
    identityProvider.misbehave.discovery = 'http500';
    const diagnosis = await look(sound());
    expect(idsOf(diagnosis)).toEqual(['idp-discovery']);
    expect(whatOf(diagnosis)).toEqual([expect.stringMatching(/cannot be read: .* answers 500$/)]);
  });

  it('finds idp-keys: no key that can verify anything here', async () => {
    identityProvider.misbehave.jwks = (answer) => ({ ...answer, keys: [{ kty: 'oct', k: 'AAAA', alg: 'HS256' }] });
    const diagnosis = await look(sound());
    expect(diagnosis.findings).toMatchObject([
      { id: 'idp-keys', what: expect.stringMatching(/no key of the key set can verify a signature here$/) },
    ]);
  });

  it('finds idp-keys: ID tokens signed with a shared secret', async () => {
    identityProvider.misbehave.discovery = (answer) => ({
      ...answer,
      id_token_signing_alg_values_supported: ['HS256'],
    });
    const diagnosis = await look(sound());
    expect(diagnosis.findings).toMatchObject([
      { id: 'idp-keys', what: expect.stringMatching(/signed with HS256 only, none of which can be verified here$/) },
    ]);
  });

  it('finds idp-client-auth: a method that the identity provider does not take', async () => {
    identityProvider.misbehave.discovery = (answer) => ({
      ...answer,
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
    });
    const diagnosis = await look(sound());
    expect(diagnosis.findings).toMatchObject([
      {
        id: 'idp-client-auth',
        what: expect.stringMatching(/takes private_key_jwt, browserLogin\.clientAuthMethod is client_secret_post$/),
      },
    ]);
  });

  it('finds idp-clock: a clock that is behind', async () => {
    const diagnosis = await diagnose({
      deployment: undefined,
      configuration: sound(),
      origin: undefined,
      timeoutMs: 60_000,
      now: () => Date.now() + 600_000,
      only: ['idp-clock'],
    });
    expect(diagnosis.findings).toMatchObject([
      { id: 'idp-clock', what: expect.stringMatching(/its clock is \d{3} seconds behind this one$/) },
    ]);
  });
});

describe('doctor, of a Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ isOwn: true });
  });
  afterAll(() => redis?.close());

  it('finds redis-eviction, and nothing once the policy is right', async () => {
    const client = createClient({ url: redis.url });
    client.on('error', () => {});
    await client.connect();
    const storage = redisStorage(client);
    await client.configSet('maxmemory-policy', 'allkeys-lru');
    const broken = await look(sound({ storage }));
    await client.configSet('maxmemory-policy', 'noeviction');
    const mended = await look(sound({ storage: redisStorage(client) }));
    await client.close();
    expect(broken.findings).toMatchObject([
      {
        id: 'redis-eviction',
        what: expect.stringMatching(/^MCP_OAUTH_REDIS_EVICTION: Redis has maxmemory-policy allkeys-lru/),
      },
    ]);
    expect(mended.findings).toEqual([]);
    expect(mended.passed).toContain('redis-eviction');
  });
});

it('has a test for every check of options', async () => {
  const text = await readFile(new URL(import.meta.url), 'utf8');
  expect(configurationChecks.map(({ id }) => id).filter((id) => !text.includes(`finds ${id}`))).toEqual([]);
});
