import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisClient, redisStorage } from '../../adapters/storage/redis.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type RedisCluster, startRedisCluster } from '../helpers/redis-server.ts';
import { CLIENTS, everyCall, openClient, recorded, redisContract } from './redis-clients.ts';
import { raceProcesses } from './redis-processes.ts';

const ROUNDS = 200;

/** For each client a slot of another master, with a hash tag in it: a master that took over cannot be replaced soon again. */
const SLOTS = { 'node-redis': { slot: 0, tag: '{06S}' }, ioredis: { slot: 16_383, tag: '{6ZJ}' } };

let cluster: RedisCluster;
const closings: (() => unknown)[] = [];

beforeAll(async () => {
  cluster = await startRedisCluster();
});

afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

afterAll(() => cluster.close());

async function open(name: (typeof CLIENTS)[number]): Promise<RedisClient> {
  const { client, close } = await openClient(name, cluster.nodes);
  closings.push(close);
  return client;
}

/** An operator's connection to one node. */
function connectTo(address: { readonly host: string; readonly port: number } | undefined): Redis {
  const node = new Redis({ host: address?.host ?? '', port: address?.port ?? 0 });
  closings.push(() => node.disconnect());
  return node;
}

describe.each(CLIENTS)('contract on a cluster whose replicas are read, by %s', (name) => {
  redisContract(
    { test },
    () => cluster.prefix,
    () => openClient(name, cluster.nodes),
  );
});

describe('several processes on a cluster', () => {
  test('agree on every winner and every count', async () => {
    const race = await raceProcesses(cluster.nodes, `${cluster.prefix}race:`, ROUNDS);
    expect(race.created).toBe(ROUNDS);
    expect(race.consumed).toBe(ROUNDS);
    expect(race.opened).toBeGreaterThanOrEqual(ROUNDS);
    expect(race.taken).toBe(race.opened);
    expect(race.counts).toEqual(race.expectedCounts);
  });
});

describe('keys on a cluster', () => {
  /** Runs every call with a prefix; returns the slots of each step's keys, as the cluster itself computes them. */
  async function slotsWith(prefix: string): Promise<number[][]> {
    const { client, calls } = recorded(await open('node-redis'));
    const storage = redisStorage(client, { prefix });
    const odd = { grantId: 'a}{b}', index: { '{x}': '}', y: '{}' } };
    for (const call of Object.values(everyCall(storage))) await call();
    for (const id of ['a', '{b}', '}{']) await storage.put('{Kind}', id, {}, odd);
    await storage.find('{Kind}', 'y', '{}', { limit: 9 });
    await storage.deleteByGrant('a}{b}', Date.now() / 1000 + 60);
    const node = connectTo(cluster.nodes[0]);
    const slotsOf = (keys: string[]) => Promise.all(keys.map((key) => node.cluster('KEYSLOT', key)));
    // One step asks what the nodes allow: its keys are of two slots on purpose.
    const steps = calls.filter(({ keys }) => !keys.some((key) => key.includes('probe:')));
    return Promise.all(steps.map(({ keys }) => slotsOf(keys)));
  }

  test.each(['mcp-oauth:', '{tag}:', 'a{b}c'])('of one step lie in one slot, with the prefix %s', async (prefix) => {
    const slots = await slotsWith(`${prefix}${cluster.prefix}`);
    expect(slots.filter((ofStep) => ofStep.length > 1).length).toBeGreaterThan(5);
    expect(slots.filter((ofStep) => new Set(ofStep).size !== 1)).toEqual([]);
  });

  test('of different records and grants are spread over slots, and a prefix with a hash tag puts them together', async () => {
    expect(new Set((await slotsWith(cluster.prefix)).flat()).size).toBeGreaterThan(10);
    expect(new Set((await slotsWith(`{tag}${cluster.prefix}`)).flat()).size).toBe(1);
  });
});

describe.each(CLIENTS)('a replica that takes over from its master, by %s', (name) => {
  test('knows every record, and no code is consumed twice', async () => {
    const { slot, tag } = SLOTS[name];
    const storage = redisStorage(await open(name), { prefix: `${tag}${cluster.prefix}` });
    const replica = await replicaOf(slot);
    const hasTakenOver = async () => (await replica.role())[0] === 'master';
    const put = (code: string) => orUnavailable(storage.put('Code', code, {}, { grantId: code }));
    const race = (code: string) => Promise.all([1, 2, 3].map((at) => orUnavailable(storage.consume('Code', code, at))));

    const early = Array.from({ length: 50 }, (_, i) => `early-${i}`);
    expect(new Set(await Promise.all(early.map(put)))).toEqual(new Set([true]));
    const consumed = early.slice(0, 25);
    await Promise.all(consumed.map(race));

    expect(await hasTakenOver()).toBe(false);
    await until(async () => /master_link_status:up/.test(await replica.info('replication')));
    await replica.cluster('FAILOVER');
    const deadline = performance.now() + 10_000;
    for (let i = 0; !(await hasTakenOver()); i += 1) {
      expect(performance.now()).toBeLessThan(deadline);
      if ((await put(`meanwhile-${i}`)) !== true) continue;
      const answers = await race(`meanwhile-${i}`);
      expect(answers).not.toContain('missing');
      expect(answers.filter((answer) => answer === 'consumed').length).toBeLessThanOrEqual(1);
    }

    const answers = await Promise.all(early.map(race));
    expect(answers.map((ofCode) => ofCode.filter((answer) => answer === 'consumed').length)).toEqual(
      early.map((code) => (consumed.includes(code) ? 0 : 1)),
    );
    expect(answers.flat().filter((answer) => answer === 'missing' || answer === 'unavailable')).toEqual([]);
  });

  async function orUnavailable<T>(call: Promise<T>): Promise<T | 'unavailable'> {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error;
      return 'unavailable';
    }
  }
});

describe.each(CLIENTS)('a cluster without all its slots, by %s', (name) => {
  test('is an unavailable store, and the same store recovers', async () => {
    const { slot, tag } = SLOTS[name];
    const storage = redisStorage(await open(name), { prefix: `${tag}${cluster.prefix}`, commandTimeoutMs: 2000 });
    await storage.put('Token', 'a', { n: 1 });
    const master = connectTo(await masterOf(slot));
    await master.cluster('DELSLOTS', slot);
    await until(async () => /cluster_state:fail/.test(await master.cluster('INFO')));
    const calls = Object.values(everyCall(storage)).map((call) => call().catch((error) => error));
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(StorageUnavailableError);

    await master.cluster('ADDSLOTS', slot);
    await until(async () => /cluster_state:ok/.test(await master.cluster('INFO')));
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
  });
});

async function masterOf(slot: number): Promise<{ readonly host: string; readonly port: number; readonly id: string }> {
  const ranges = await connectTo(cluster.nodes[0]).cluster('SLOTS');
  const [, , [host, port, id] = ['', 0, '']] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? [0, 0];
  return { host, port, id };
}

async function replicaOf(slot: number): Promise<Redis> {
  const { host, id } = await masterOf(slot);
  const [line = ''] = (await connectTo(cluster.nodes[0]).cluster('REPLICAS', id)) as string[];
  return connectTo({ host, port: Number(/:(\d+)@/.exec(line)?.[1]) });
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isReached())) expect(performance.now()).toBeLessThan(deadline);
}
