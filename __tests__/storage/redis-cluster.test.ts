import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';
import { type RedisCluster, startRedisCluster } from '../helpers/redis-server.ts';
import { CLIENTS, everyCall, openClient, recorded, redisContract } from './redis-clients.ts';
import { raceProcesses } from './redis-processes.ts';

const ROUNDS = 200;

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
});

afterAll(() => cluster.close());

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
    const { client, close } = await openClient('node-redis', cluster.nodes);
    const { client: recording, calls } = recorded(client);
    const storage = redisStorage(recording, { prefix });
    const odd = { grantId: 'a}{b}', index: { '{x}': '}', y: '{}' } };
    for (const call of Object.values(everyCall(storage))) await call();
    for (const id of ['a', '{b}', '}{']) await storage.put('{Kind}', id, {}, odd);
    await storage.find('{Kind}', 'y', '{}', { limit: 9 });
    await storage.deleteByGrant('a}{b}', Date.now() / 1000 + 60);
    close();
    const node = new Redis(cluster.nodes[0] as { host: string; port: number });
    const slotsOf = (keys: string[]) => Promise.all(keys.map((key) => node.cluster('KEYSLOT', key)));
    const slots = await Promise.all(calls.map(({ keys }) => slotsOf(keys)));
    node.disconnect();
    return slots;
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
  test('knows every record, and every code is consumed once', async () => {
    const { client, close } = await openClient(name, cluster.nodes);
    const storage = redisStorage(client, { prefix: cluster.prefix });
    const ids = Array.from({ length: 200 }, (_, i) => `${name}-${i}`);
    await Promise.all(ids.map((id) => storage.put('Code', id, {}, { grantId: id })));
    const replica = await someReplica();
    const consume = (id: string) =>
      storage.consume('Code', id, 1).catch((error) => {
        if (!(error instanceof StorageUnavailableError)) throw error;
        return 'unavailable';
      });
    const consuming = ids.map(async (id, i) => {
      if (i === ids.length / 2) await replica.cluster('FAILOVER');
      return Promise.all([consume(id), consume(id), consume(id)]);
    });
    const answers = await Promise.all(consuming);
    replica.disconnect();
    for (const answer of answers) {
      expect(answer).not.toContain('missing');
      const winners = answer.filter((one) => one === 'consumed').length;
      expect(winners).toBeLessThanOrEqual(1);
      if (!answer.includes('unavailable')) expect(winners).toBe(1);
    }
    close();
  });

  async function someReplica(): Promise<Redis> {
    for (const address of cluster.nodes) {
      const node = new Redis(address);
      const [role] = (await node.role()) as string[];
      if (role === 'slave') return node;
      node.disconnect();
    }
    throw new Error('no replica');
  }
});

describe.each(CLIENTS)('a cluster without all its slots, by %s', (name) => {
  /** Every node refuses to serve while one slot is nobody's. */
  async function withoutSlot(work: () => Promise<void>): Promise<void> {
    const nodes = cluster.nodes.map((node) => new Redis(node));
    const owner = nodes[0] as Redis;
    await owner.cluster('DELSLOTS', 0);
    try {
      await work();
    } finally {
      await owner.cluster('ADDSLOTS', 0);
      await waitForState(owner, 'ok');
      for (const node of nodes) node.disconnect();
    }
  }

  async function waitForState(node: Redis, state: 'ok' | 'fail'): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!String(await node.cluster('INFO')).includes(`cluster_state:${state}`)) {
      if (performance.now() > deadline) throw new Error(`the cluster did not become ${state}`);
    }
  }

  test('is an unavailable store, and the same store recovers', async () => {
    const { client, close } = await openClient(name, cluster.nodes);
    const storage = redisStorage(client, { prefix: `{06S}${cluster.prefix}`, commandTimeoutMs: 500 });
    await storage.put('Token', 'a', { n: 1 });
    await withoutSlot(async () => {
      const owner = new Redis(cluster.nodes[0] as { host: string; port: number });
      await waitForState(owner, 'fail');
      owner.disconnect();
      const calls = Object.values(everyCall(storage)).map((call) => call().catch((error) => error));
      for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(StorageUnavailableError);
    });
    expect((await storage.get('Token', 'a'))?.value).toEqual({ n: 1 });
    close();
  });
});
