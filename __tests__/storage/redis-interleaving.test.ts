import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Script } from '../../adapters/storage/redis/scripts.ts';
import * as scripts from '../../adapters/storage/redis/scripts.ts';
import { type RedisClient, redisStorage } from '../../adapters/storage/redis.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { asCluster, type OpenedClient, openClient } from './redis-clients.ts';

const present = Math.floor(Date.now() / 1000);

let server: RedisServer;
let first: OpenedClient;
let second: OpenedClient;
let storage: Storage;
let prefix: string;
let tests = 0;

beforeAll(async () => {
  server = await startRedis();
  [first, second] = await Promise.all([openClient('node-redis', server.url), openClient('ioredis', server.url)]);
});

beforeEach(() => {
  tests += 1;
  prefix = `${server.prefix}${tests}:`;
  storage = open();
});

afterAll(async () => {
  first.close();
  second.close();
  await server.close();
});

function open(client: RedisClient = first.client, now = () => present): Storage {
  return redisStorage(asCluster(client), { prefix, now });
}

/** A store on the second connection where something else happens around one of its steps, the first time it gets there. */
function openWith(
  { before, after }: { [at in 'before' | 'after']?: [Script, () => Promise<unknown>] },
  now?: () => number,
): Storage {
  const client = second.client;
  const pending = { before, after };
  async function happen(at: 'before' | 'after', sha1: string): Promise<void> {
    const event = pending[at];
    if (event?.[0].sha1 !== sha1) return;
    pending[at] = undefined;
    await event[1]();
  }
  const evalSha: RedisClient['evalSha'] = async (sha1, input) => {
    await happen('before', sha1);
    const reply = await client.evalSha(sha1, input);
    await happen('after', sha1);
    return reply;
  };
  return open({ eval: client.eval.bind(client), evalSha }, now);
}

const crash = async () => {
  throw new Error('Connection is closed.');
};

describe('deleteByGrant', () => {
  test('during 200 writes over two connections leaves nothing, readable or not', async () => {
    const stores = [storage, open(second.client)] as const;
    const options = { grantId: 'g', expiresAt: present + 60, index: { by: 'x' } };
    const write = (i: number) => stores[i % 2 ? 0 : 1].put('Token', `id-${i}`, { i }, options);
    const early = Array.from({ length: 100 }, (_, i) => write(i));
    await early[0];
    const deletion = stores[0].deleteByGrant('g', present + 60);
    const late = Array.from({ length: 100 }, (_, i) => write(i + 100));
    await Promise.all([...early, deletion, ...late]);

    const left = await Promise.all(
      Array.from({ length: 200 }, (_, i) => stores[i % 2 ? 1 : 0].get('Token', `id-${i}`)),
    );
    expect(left.filter(Boolean)).toEqual([]);
    expect(await storage.find('Token', 'by', 'x', { limit: 200 })).toEqual([]);
    const stored = await Promise.all(Array.from({ length: 200 }, (_, i) => rawVersion(`id-${i}`)));
    expect(stored.filter(Boolean)).toEqual([]);
  });

  test('deletes more records than it takes at once', async () => {
    const ids = Array.from({ length: 1203 }, (_, i) => `id-${i}`);
    await Promise.all(ids.map((id) => storage.put('Token', id, {}, { grantId: 'g' })));
    await storage.deleteByGrant('g', present + 60);
    expect((await Promise.all(ids.map(rawVersion))).filter(Boolean)).toEqual([]);
  });

  test('hides the records that a crash kept it from deleting', async () => {
    await storage.put('Token', 'a', {}, { grantId: 'g', index: { by: 'x' } });
    const crashing = openWith({ after: [scripts.BURY, crash] });
    await expect(crashing.deleteByGrant('g', present + 60)).rejects.toThrow(StorageUnavailableError);
    expect(await rawVersion('a')).toBeDefined();
    expect(await storage.get('Token', 'a')).toBeUndefined();
    expect(await storage.find('Token', 'by', 'x', { limit: 1 })).toEqual([]);
    expect(await storage.consume('Token', 'a', present)).toBe('missing');
    expect(await storage.take('Token', 'a')).toBeUndefined();
  });

  test('that crashed can be called again', async () => {
    await storage.put('Token', 'a', {}, { grantId: 'g' });
    const crashing = openWith({ after: [scripts.BURY, crash] });
    await expect(crashing.deleteByGrant('g', present + 60)).rejects.toThrow(StorageUnavailableError);
    await crashing.deleteByGrant('g', present + 60);
    expect(await rawVersion('a')).toBeUndefined();
  });
});

/** What stands in the record's hash, whatever the store says about it. */
async function rawVersion(id: string): Promise<unknown> {
  const script = "return redis.call('HGET', KEYS[1], 'version')";
  return (await first.client.eval(script, { keys: [`${prefix}record:Token:${id}`], arguments: [] })) ?? undefined;
}

async function membersOfIndex(value: string): Promise<number> {
  const keys = [`${prefix}{index:Token:by:${value}}:by-id`];
  return Number(await first.client.eval("return redis.call('ZCARD', KEYS[1])", { keys, arguments: [] }));
}

describe('a write whose grant is deleted on its way', () => {
  const overtaken = (grantId = 'g') =>
    openWith({ before: [scripts.WRITE, () => storage.deleteByGrant(grantId, present + 60)] });

  test('returns false and leaves nothing', async () => {
    const index = { by: 'x' };
    expect(await overtaken('g').put('Token', 'put', {}, { grantId: 'g', index })).toBe(false);
    expect(await overtaken('h').create('Token', 'create', {}, { grantId: 'h', index })).toBe(false);
    expect([await rawVersion('put'), await rawVersion('create')]).toEqual([undefined, undefined]);
    expect(await membersOfIndex('x')).toBe(0);
  });

  test('brings back the record that it wrote over, with its consumption, expiry, grant and index', async () => {
    const options = { grantId: 'h', index: { by: 'x' }, expiresAt: present + 60 };
    await storage.put('Token', 'a', { n: 1 }, options);
    await storage.consume('Token', 'a', present - 1);
    const before = await storage.get('Token', 'a');
    expect(await overtaken().put('Token', 'a', { n: 2 }, { grantId: 'g', index: { by: 'y' } })).toBe(false);
    expect(await storage.get('Token', 'a')).toEqual(before);
    expect(await storage.find('Token', 'by', 'x', { limit: 9 })).toEqual([{ id: 'a', ...before }]);
    expect(await storage.find('Token', 'by', 'y', { limit: 9 })).toEqual([]);
    expect([await membersOfIndex('x'), await membersOfIndex('y')]).toEqual([1, 0]);
    await storage.deleteByGrant('h', present + 60);
    expect(await storage.get('Token', 'a')).toBeUndefined();
  });

  test('by replace keeps the version that was expected', async () => {
    await storage.put('Token', 'a', { n: 1 });
    const before = await storage.get('Token', 'a');
    const version = before?.version ?? '';
    expect(await overtaken().replace('Token', 'a', version, { n: 2 }, { grantId: 'g' })).toBe(false);
    expect(await storage.get('Token', 'a')).toEqual(before);
    expect(await storage.replace('Token', 'a', version, { n: 3 })).toBe(true);
  });
});

describe('a record that a crashed writer left in a deleted grant', () => {
  beforeEach(async () => {
    const deletion = () => open().deleteByGrant('g', present + 60);
    const crashing = openWith({ before: [scripts.WRITE, deletion], after: [scripts.WRITE, crash] });
    const write = crashing.put('Token', 'a', {}, { grantId: 'g', index: { by: 'x' } });
    await expect(write).rejects.toThrow(StorageUnavailableError);
    expect(await rawVersion('a')).toBeDefined();
  });

  test('is not there', async () => {
    expect(await storage.get('Token', 'a')).toBeUndefined();
    expect(await storage.find('Token', 'by', 'x', { limit: 9 })).toEqual([]);
    expect(await storage.consume('Token', 'a', present)).toBe('missing');
    expect(await storage.take('Token', 'a')).toBeUndefined();
  });

  test.each(['create', 'put'] as const)("is in nobody's way who wants to %s it", async (method) => {
    expect(await storage[method]('Token', 'a', { n: 1 }, { grantId: 'h' })).toBe(true);
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
  });

  test('cannot be replaced into another grant', async () => {
    const version = String(await rawVersion('a'));
    expect(await storage.replace('Token', 'a', version, {}, { grantId: 'h' })).toBe(false);
    expect(await storage.get('Token', 'a')).toBeUndefined();
  });
});

describe('a step that the client sends again after it lost the answer', () => {
  const resending = () => {
    const client = second.client;
    const twice: RedisClient['evalSha'] = async (sha1, input) => {
      await client.evalSha(sha1, input);
      return client.evalSha(sha1, input);
    };
    return open({ eval: client.eval.bind(client), evalSha: twice });
  };

  test('has its first answer', async () => {
    const store = resending();
    const options = { grantId: 'g', index: { by: 'x' } };
    expect(await store.create('Code', 'a', { n: 1 }, options)).toBe(true);
    expect(await store.consume('Code', 'a', present)).toBe('consumed');
    expect(await store.consume('Code', 'a', present)).toBe('already');
    const version = (await store.get('Code', 'a'))?.version ?? '';
    expect(await store.replace('Code', 'a', version, { n: 2 }, options)).toBe(true);
    expect(await store.replace('Code', 'a', version, { n: 3 }, options)).toBe(false);
    expect(await store.put('Code', 'a', { n: 4 }, options)).toBe(true);
    expect((await store.find('Code', 'by', 'x', { limit: 9 })).map(({ value }) => value)).toEqual([{ n: 4 }]);
  });
});

describe('a write that cannot tidy up after itself', () => {
  test('has succeeded all the same', async () => {
    const options = { grantId: 'g', index: { by: 'x' } };
    await storage.put('Token', 'a', { n: 1 }, options);
    expect(await openWith({ before: [scripts.LEAVE, crash] }).put('Token', 'a', { n: 2 }, options)).toBe(true);
    expect((await storage.find('Token', 'by', 'x', { limit: 9 })).map(({ value }) => value)).toEqual([{ n: 2 }]);
    expect((await openWith({ before: [scripts.LEAVE, crash] }).take('Token', 'a'))?.value).toEqual({ n: 2 });
    expect(await storage.find('Token', 'by', 'x', { limit: 9 })).toEqual([]);
  });
});

describe('find', () => {
  test('finds a record that is written anew while it looks, at every step of that', async () => {
    const options = { index: { by: 'x' } };
    await storage.put('Session', 'a', { n: 1 }, options);
    const ids = async (store: Storage) => (await store.find('Session', 'by', 'x', { limit: 9 })).map(({ id }) => id);
    const write = () => storage.put('Session', 'a', { n: 2 }, options);
    expect(await ids(openWith({ before: [scripts.READ, write] }))).toEqual(['a']);
    for (const step of [scripts.ENTER, scripts.WRITE, scripts.LEAVE]) {
      const seen: string[][] = [];
      const look = async () => seen.push(await ids(storage));
      await openWith({ before: [step, look], after: [step, look] }).put('Session', 'a', { n: 3 }, options);
      expect(seen).toEqual([['a'], ['a']]);
    }
  });

  test('keeps what leads to a record that an undone write is about to bring back', async () => {
    const later = () => present + 3600;
    await storage.put('Token', 'a', { n: 1 }, { index: { by: 'x' } });
    const find = (store: Storage) => store.find('Token', 'by', 'x', { limit: 9 });
    const look = async () => expect(await find(open(first.client, later))).toEqual([]);
    const deletion = () => open().deleteByGrant('g', present + 7200);
    const overtaken = openWith({ before: [scripts.WRITE, deletion], after: [scripts.WRITE, look] }, later);
    expect(await overtaken.put('Token', 'a', { n: 2 }, { grantId: 'g' })).toBe(false);
    expect((await find(storage)).map(({ value }) => value)).toEqual([{ n: 1 }]);
  });

  test('finds a record whose write it saw beginning', async () => {
    const look = async () => expect(await open().find('Client', 'by', 'x', { limit: 9 })).toEqual([]);
    await openWith({ before: [scripts.WRITE, look] }).put('Client', 'a', {}, { index: { by: 'x' } });
    expect(await storage.find('Client', 'by', 'x', { limit: 9 })).toHaveLength(1);
  });
});
