import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import type { Storage } from '../../lib/storage/storage.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { asCluster, everyCall, type OpenedClient, openClient, recorded } from './redis-clients.ts';

const present = Math.floor(Date.now() / 1000);

let server: RedisServer;
let opened: OpenedClient;
/** An operator's connection. */
let operator: Redis;
let prefix: string;
let now: number;
let storage: Storage;
let tests = 0;

beforeAll(async () => {
  // What MONITOR shows must be of this test.
  server = await startRedis({ isOwn: true });
  opened = await openClient('node-redis', server.url);
  operator = new Redis(server.url);
});

afterAll(async () => {
  opened.close();
  operator.disconnect();
  await server.close();
});

beforeEach(() => {
  tests += 1;
  prefix = `${server.prefix}${tests}:`;
  now = present;
  storage = redisStorage(opened.client, { prefix, now: () => now });
});

afterEach(async () => {
  const keys = await keysOf(prefix);
  if (keys.length > 0) await operator.del(...keys);
});

async function keysOf(beginning: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of operator.scanStream({ match: `${beginning}*`, count: 1000 })) keys.push(...page);
  return keys.map((key) => key.slice(prefix.length)).toSorted();
}

/** Milliseconds until Redis removes each key; -1 is never. */
async function lifetimes(): Promise<{ [key: string]: number }> {
  const keys = await keysOf(prefix);
  const entries = keys.map(async (key) => [key, await operator.pttl(prefix + key)]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Commands as MONITOR shows them, while `work` runs. */
async function monitored(work: () => Promise<unknown>): Promise<string[][]> {
  const monitor = await operator.monitor();
  const seen: { source: string; command: string[] }[] = [];
  monitor.on('monitor', (_time, command, source) => seen.push({ source, command }));
  await work();
  // The monitor shows commands in order: once this one is seen, all others were.
  await operator.echo(prefix);
  while (!seen.some(({ command }) => command.includes(prefix))) await new Promise((resolve) => setImmediate(resolve));
  monitor.disconnect();
  return seen.filter(({ source }) => source === 'lua').map(({ command }) => command);
}

describe('keys', () => {
  test('all begin with the prefix, and in a cluster a script touches only those that it was given', async () => {
    const { client, calls } = recorded(opened.client);
    const store = redisStorage(asCluster(client), { prefix, now: () => now });
    const commands = await monitored(async () => {
      for (const call of Object.values(everyCall(store))) await call();
      for (const call of Object.values(everyCall(store))) await call();
      await store.deleteByGrant('g', present + 60);
    });
    const given = calls.flatMap(({ keys }) => keys);
    expect(given.filter((key) => !key.startsWith(prefix))).toEqual([]);
    const touched = commands.map(([, key]) => key);
    expect(touched.length).toBeGreaterThan(50);
    expect(touched.filter((key) => !given.includes(String(key)))).toEqual([]);
    // The server's clock and chance have no part in what is stored.
    expect(commands.filter(([name]) => /^(?:time|randomkey|srandmember|spop)$/i.test(String(name)))).toEqual([]);
  });

  test('all begin with the prefix on one server, where each call on a record is one command', async () => {
    const { client, calls } = recorded(opened.client);
    const store = redisStorage(client, { prefix, now: () => now });
    await store.get('Token', 'other'); // Asks what the server allows, too.
    const commands = await monitored(async () => {
      for (const { get, put, create, consume, take, replace, delete: remove } of [everyCall(store), everyCall(store)]) {
        for (const call of [get, put, create, consume, take, replace, remove]) {
          const before = calls.length;
          await call();
          expect(calls.length - before).toBe(1);
        }
      }
    });
    const touched = commands.map(([, key]) => String(key));
    expect(touched.length).toBeGreaterThan(40);
    expect(touched.filter((key) => !key.startsWith(prefix))).toEqual([]);
  });

  test('are the same on one server as in a cluster, whatever names hold', async () => {
    const names = ['a', 'a:b', "~!*'()", 'ü €', '%3A', '{a}', '"', '\\', '\u2028', '😀'];
    const write = async (store: Storage) => {
      for (const n of [1, 2])
        for (const name of names) await store.put(name, name, { n }, { grantId: name, index: { [name]: name } });
      return keysOf(prefix);
    };
    const ofCluster = await write(redisStorage(asCluster(opened.client), { prefix, now: () => now }));
    await operator.del(...ofCluster.map((key) => prefix + key));
    const ofServer = await write(storage);

    expect(ofServer).toEqual(ofCluster);
    expect(ofServer).toHaveLength(names.length * 4);
    for (const name of names) {
      expect(await storage.find(name, name, name, { limit: 9 })).toHaveLength(1);
      await storage.deleteByGrant(name, present + 60);
      expect(await storage.get(name, name)).toBeUndefined();
      expect(await storage.find(name, name, name, { limit: 9 })).toEqual([]);
    }
  });

  test('of another prefix are those of another store', async () => {
    const other = redisStorage(opened.client, { prefix: `${prefix}other:`, now: () => now });
    await storage.put('Token', 'a', { n: 1 }, { grantId: 'g', index: { by: 'x' } });
    expect(await other.create('Token', 'a', { n: 2 }, { grantId: 'g', index: { by: 'x' } })).toBe(true);
    await other.deleteByGrant('g', present + 60);
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
    expect(await storage.increment('a', 60)).toBe(1);
    expect(await other.increment('a', 60)).toBe(1);
  });

  test('of one kind, id, name or grant never run into those of another', async () => {
    const texts = ['a', 'b', 'a:b', 'b:a', 'a}', '{a}', '%3A', ':', 'grant:a}:members', 'record:a'];
    for (const text of texts) {
      await storage.put(text, text, { text }, { index: { [text]: text } });
      await storage.increment(text, 60);
    }
    for (const text of texts) await storage.put('Grant', text, { text }, { grantId: text });
    expect(await keysOf(prefix)).toHaveLength(texts.length * 6);
  });
});

describe('Redis removes by itself', () => {
  test('every key other than those of records without expiry', async () => {
    await storage.put('Token', 'a', {}, { expiresAt: present + 60, grantId: 'g', index: { by: 'x' } });
    await storage.create('Token', 'b', {}, { expiresAt: present + 90, grantId: 'g', index: { by: 'x' } });
    await storage.increment('c', 30);
    await storage.deleteByGrant('h', present + 60);
    const expected = {
      'counter:c': 30_000,
      'record:Token:a': 60_000,
      'record:Token:b': 90_000,
      '{grant:g}:members': 90_000,
      '{grant:h}:tombstone': 60_000 + 300_000,
      '{index:Token:by:x}:by-expiry': 90_000,
      '{index:Token:by:x}:by-id': 90_000,
    };
    const found = await lifetimes();
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [key, lifetime] of Object.entries(expected)) {
      expect(found[key]).toBeLessThanOrEqual(lifetime);
      expect(found[key]).toBeGreaterThan(lifetime - 5000);
    }
  });

  test('nothing of a record without expiry, and everything again once it is gone', async () => {
    await storage.put('Client', 'a', {}, { expiresAt: present + 60, grantId: 'g', index: { by: 'x' } });
    await storage.put('Client', 'b', {}, { grantId: 'g', index: { by: 'x' } });
    const { 'record:Client:a': lifetime, ...others } = await lifetimes();
    expect(lifetime).toBeGreaterThan(0);
    expect(new Set(Object.values(others))).toEqual(new Set([-1]));
    await storage.delete('Client', 'b');
    expect(Object.values(await lifetimes()).every((milliseconds) => milliseconds > 0)).toBe(true);
    await storage.delete('Client', 'a');
    expect(await keysOf(prefix)).toEqual([]);
  });

  test('a record at its expiry, however far away the clock of the server is', async () => {
    for (const ahead of [-1e9, 0, 1e9]) {
      now = present + ahead;
      await storage.put('Token', 'a', {}, { expiresAt: now + 60 });
      expect(await operator.pttl(`${prefix}record:Token:a`)).toBeGreaterThan(55_000);
      expect(await storage.get('Token', 'a')).toBeDefined();
    }
    await storage.put('Token', 'a', {}, { expiresAt: now + 0.05 });
    for (let looks = 0; (await keysOf(prefix)).length > 0; looks += 1) expect(looks).toBeLessThan(1000);
  });

  test('nothing whose expiry is beyond what Redis can count to', async () => {
    await storage.put('Token', 'a', {}, { expiresAt: 1e21, grantId: 'g', index: { by: 'x' } });
    await storage.put('Token', 'b', {}, { expiresAt: Number.MAX_VALUE });
    await storage.put('Token', 'c', {}, { expiresAt: -1e21 });
    expect(new Set(Object.values(await lifetimes()))).toEqual(new Set([-1]));
    expect(await storage.get('Token', 'a')).toBeDefined();
    expect(await storage.get('Token', 'c')).toBeUndefined();
  });
});

describe('an index and a grant', () => {
  test('lose expired members with every new one, up to a hundred at once', async () => {
    const members = () => operator.zcard(`${prefix}{index:Token:by:x}:by-id`);
    await storage.put('Token', 'stays', {}, { grantId: 'g', index: { by: 'x' } });
    for (let i = 0; i < 250; i += 1) {
      await storage.put('Token', `id-${i}`, {}, { expiresAt: present + 60, grantId: 'g', index: { by: 'x' } });
    }
    expect(await members()).toBe(251);
    now = present + 60;
    for (const left of [152, 53, 4, 5]) {
      await storage.put('Token', `later-${left}`, {}, { expiresAt: now + 60, grantId: 'g', index: { by: 'x' } });
      expect(await members()).toBe(left);
      expect(await operator.zcard(`${prefix}{index:Token:by:x}:by-expiry`)).toBe(left);
      expect(await operator.zcard(`${prefix}{grant:g}:members`)).toBe(left);
    }
    expect(await storage.find('Token', 'by', 'x', { limit: 9 })).toHaveLength(5);
  });

  test('hold one member for a record, however often it is written', async () => {
    const options = { expiresAt: present + 60, grantId: 'g', index: { by: 'x' } };
    for (let i = 0; i < 5; i += 1) await storage.put('Token', 'a', { i }, options);
    await storage.create('Token', 'a', {}, options);
    await storage.replace('Token', 'a', 'another version', {}, options);
    expect(await operator.zcard(`${prefix}{index:Token:by:x}:by-id`)).toBe(1);
    expect(await operator.zcard(`${prefix}{grant:g}:members`)).toBe(1);
  });

  test('lose what leads nowhere when a search meets it, once no write can still be on its way', async () => {
    for (const id of ['a', 'b', 'c']) await storage.put('Client', id, {}, { index: { by: 'x' } });
    await operator.del(`${prefix}record:Client:a`, `${prefix}record:Client:b`);
    const find = async () => (await storage.find('Client', 'by', 'x', { limit: 9 })).map(({ id }) => id);
    expect(await find()).toEqual(['c']);
    expect(await operator.zcard(`${prefix}{index:Client:by:x}:by-id`)).toBe(3);
    now = present + 300;
    expect(await find()).toEqual(['c']);
    expect(await operator.zcard(`${prefix}{index:Client:by:x}:by-id`)).toBe(1);
    expect(await operator.zcard(`${prefix}{index:Client:by:x}:by-expiry`)).toBe(1);
  });

  test('are read in pages where there is much that leads nowhere', async () => {
    const ids = Array.from({ length: 600 }, (_, i) => String(i).padStart(3, '0'));
    await Promise.all(ids.map((id) => storage.put('Client', id, {}, { index: { by: 'x' } })));
    await operator.del(...ids.slice(0, 590).map((id) => `${prefix}record:Client:${id}`));
    const page = await storage.find('Client', 'by', 'x', { limit: 3, after: '100' });
    expect(page.map(({ id }) => id)).toEqual(['590', '591', '592']);
    expect(await storage.find('Client', 'by', 'x', { limit: 600 })).toHaveLength(10);
  });
});
