import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createClient, createClientPool, RESP_TYPES } from 'redis';
import { fromIORedis, type RedisClient, redisStorage } from '../../adapters/storage/redis.ts';
import { ConfigurationError } from '../../lib/errors.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { CLIENTS, everyCall, type OpenClient, type OpenedClient, openClient, redisContract } from './redis-clients.ts';
import { raceProcesses } from './redis-processes.ts';

const ROUNDS = 400;

let server: RedisServer;
let opened: OpenedClient;

beforeAll(async () => {
  server = await startRedis();
  opened = await openClient('node-redis', server.url);
});

afterAll(async () => {
  opened.close();
  await server.close();
});

describe.each(CLIENTS)('contract on one server by %s', (name) => {
  redisContract(
    { test },
    () => server.prefix,
    () => openClient(name, server.url),
  );
});

/** Clients set up as other parts of an application may need them. */
const UNUSUAL_CLIENTS: { readonly [name: string]: OpenClient } = {
  'a pool of node-redis with a key prefix, RESP 2 and Buffers for texts': async () => {
    const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String };
    const pool = createClientPool({
      url: server.url,
      RESP: 2,
      keyPrefix: server.prefix,
      commandOptions: { typeMapping },
    });
    await pool.connect();
    return { client: pool, close: () => pool.destroy() };
  },
  'ioredis with a key prefix, RESP 2, texts for numbers and automatic pipelines': async () => {
    const options = { protocol: 2, keyPrefix: server.prefix, stringNumbers: true, enableAutoPipelining: true } as const;
    const redis = new Redis(server.url, { ...options, lazyConnect: true });
    await redis.connect();
    return { client: fromIORedis(redis), close: () => redis.disconnect() };
  },
};

describe.each(Object.entries(UNUSUAL_CLIENTS))('contract by %s', (_name, open) => {
  redisContract({ test }, () => 'prefix:', open);
});

describe('several processes', () => {
  test('agree on every winner and every count', async () => {
    const prefix = `${server.prefix}race:`;
    const race = await raceProcesses(server.url, prefix, ROUNDS);
    expect(race.created).toBe(ROUNDS);
    expect(race.consumed).toBe(ROUNDS);
    expect(race.opened).toBeGreaterThanOrEqual(ROUNDS);
    expect(race.taken).toBe(race.opened);
    expect(race.counts).toEqual(race.expectedCounts);

    const storage = redisStorage(opened.client, { prefix });
    expect(await storage.find('Code', 'by', 'all', { limit: ROUNDS + 1 })).toHaveLength(ROUNDS);
    await storage.deleteByGrant('g', Date.now() / 1000 + 3600);
    expect(await storage.find('Code', 'by', 'all', { limit: 1 })).toEqual([]);
  });
});

describe('mistakes of the caller', () => {
  const storage = () => redisStorage(opened.client, { prefix: `${server.prefix}mistakes:` });

  test.each(['a\0b', 'a\ud800b', '\udc00'])(
    'a name that would become another one is refused, wherever it stands: %j',
    async (text) => {
      const calls = await Promise.allSettled([
        storage().get(text, 'a'),
        storage().get('Token', text),
        storage().put('Token', 'a', {}, { grantId: text }),
        storage().create('Token', 'a', {}, { index: { by: text } }),
        storage().create('Token', 'a', {}, { index: { [text]: 'x' } }),
        storage().consume('Token', text, 1),
        storage().take(text, 'a'),
        storage().delete('Token', text),
        storage().deleteByGrant(text, 1),
        storage().find('Token', 'by', text, { limit: 1 }),
        storage().find('Token', 'by', 'x', { limit: 1, after: text }),
        storage().increment(text, 1),
      ]);
      const refusal = { status: 'rejected', reason: expect.any(TypeError) };
      expect(calls).toEqual(calls.map(() => refusal));
      for (const call of calls)
        expect(String((call as PromiseRejectedResult).reason)).toMatch(/must not hold U\+0000 or a lone surrogate/);
    },
  );

  test('what is no text, no object or no JSON is a TypeError, and nothing is written', async () => {
    const undefinedText = undefined as unknown as string;
    const calls = await Promise.allSettled([
      storage().get(undefinedText, 'a'),
      storage().increment(undefinedText, 1),
      storage().put('Token', 'a', undefined as never),
      storage().put('Token', 'a', { n: 1n }, { index: { by: 'x' } }),
      storage().put('Token', 'a', {}, { index: { by: 1 as never } }),
    ]);
    expect(calls).toEqual(calls.map(() => ({ status: 'rejected', reason: expect.any(TypeError) })));
    expect(await storage().get('Token', 'a')).toBeUndefined();
  });

  test('a key of another kind in the way is no outage, and its error holds no value', async () => {
    const prefix = `${server.prefix}strange:`;
    const redis = new Redis(server.url);
    await redis.set(`${prefix}record:Token:a`, 'something else');
    for (const client of [opened.client, fromIORedis(redis)]) {
      const error = await redisStorage(client, { prefix })
        .put('Token', 'a', { note: 'precious' })
        .catch((error) => error);
      expect(error).not.toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toMatch(/^WRONGTYPE /);
      expect(JSON.stringify({ ...error })).not.toContain('precious');
    }
    redis.disconnect();
  });
});

describe('options', () => {
  test('that break their rule are refused together', () => {
    const options = { prefix: 'a{}:', commandTimeoutMs: 0, nwo: () => 1 };
    const create = () => redisStorage({} as RedisClient, options as never);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(
      [
        'redisStorage(client, options):',
        '  client: must have eval and evalSha, as a node-redis client has',
        '  nwo: is not an option; did you mean now?',
        '  prefix: must be a non-empty string without braces, or with one pair of them around a hash tag, got string',
        '  commandTimeoutMs: must be an integer from 1 to 60000, got another number',
      ].join('\n'),
    );
    expect(() => redisStorage(undefined as never)).toThrow('client: must have eval and evalSha');
  });

  test('an ioredis client in place of a client gets the call that it needs', () => {
    const redis = new Redis({ lazyConnect: true });
    expect(() => redisStorage(redis as never)).toThrow('redisStorage(fromIORedis(client))');
  });
});

describe('close', () => {
  test('makes every later call reject and leaves the connection open', async () => {
    const storage = redisStorage(opened.client, { prefix: server.prefix });
    await storage.put('Token', 'a', {});
    await storage.close();
    await storage.close();
    for (const [method, call] of Object.entries(everyCall(storage))) {
      expect([method, await call().catch((error) => error)]).toEqual([method, expect.any(StorageUnavailableError)]);
    }
    expect(await redisStorage(opened.client, { prefix: server.prefix }).get('Token', 'a')).toBeDefined();
  });

  test('before the first call asks for no connection', async () => {
    await redisStorage(createClient({ url: 'redis://127.0.0.1:1' })).close();
  });
});
