import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { type ContractRunner, storageContract } from '../../adapters/storage/contract.ts';
import { MAY_SPAN } from '../../adapters/storage/redis/whole-scripts.ts';
import { fromIORedis, type RedisClient, redisStorage, type ScriptInput } from '../../adapters/storage/redis.ts';
import type { Storage } from '../../lib/storage/storage.ts';

export interface OpenedClient {
  readonly client: RedisClient;
  readonly close: () => unknown;
}

export type OpenClient = () => Promise<OpenedClient>;

/** Where the nodes of a cluster are, or the URL of one server. */
export type RedisAddress = string | readonly { readonly host: string; readonly port: number }[];

export const CLIENTS = ['node-redis', 'ioredis'] as const;

/** Connects; errors of the connection itself are for whoever makes the call. */
export async function openClient(name: (typeof CLIENTS)[number], address: RedisAddress): Promise<OpenedClient> {
  if (typeof address !== 'string')
    return name === 'ioredis' ? openIORedisCluster(address) : openNodeRedisCluster(address);
  if (name === 'ioredis') {
    const client = new Redis(address, { lazyConnect: true, retryStrategy: () => 50 });
    client.on('error', () => {});
    await client.connect();
    return { client: fromIORedis(client), close: () => client.disconnect() };
  }
  const client = createClient({ url: address, socket: { reconnectStrategy: 50 } });
  client.on('error', () => {});
  await client.connect();
  return { client, close: () => client.destroy() };
}

/** Both clusters read from replicas where they may: the store must not. */
async function openNodeRedisCluster(nodes: Exclude<RedisAddress, string>): Promise<OpenedClient> {
  const rootNodes = nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
  const cluster = createCluster({ rootNodes, useReplicas: true });
  cluster.on('error', () => {});
  await cluster.connect();
  return { client: cluster, close: () => cluster.destroy() };
}

async function openIORedisCluster(nodes: Exclude<RedisAddress, string>): Promise<OpenedClient> {
  const cluster = new Cluster([...nodes], { lazyConnect: true, scaleReads: 'slave', retryDelayOnClusterDown: 20 });
  cluster.on('error', () => {});
  await cluster.connect();
  // Unlike `disconnect`, this waits for connections that it is about to open.
  return { client: fromIORedis(cluster), close: () => cluster.quit() };
}

/** Every rule of the contract, with two connections, in keys of its own for each. */
export function redisContract(run: ContractRunner, prefix: () => string, open: OpenClient): void {
  storageContract(run, async ({ now }) => {
    const options = { now, prefix: `${prefix()}${randomUUID()}:` };
    const opened: OpenedClient[] = [];
    const another = async () => {
      const connection = await open();
      opened.push(connection);
      return redisStorage(connection.client, options);
    };
    const close = async () => {
      for (const connection of opened.splice(0)) await connection.close();
    };
    const reopen = async () => {
      await close();
      return another();
    };
    return { storage: await another(), another, reopen, expiresByItself: true, close };
  });
}

/** A client of one server that is taken for a cluster: each step by itself. */
export function asCluster(client: RedisClient): RedisClient {
  const evalSha: RedisClient['evalSha'] = async (sha1, input) => {
    if (sha1 === MAY_SPAN.sha1) throw new Error("CROSSSLOT Keys in request don't hash to the same slot");
    return client.evalSha(sha1, input);
  };
  return { eval: client.eval.bind(client), evalSha };
}

/** A client that notes what it is asked for, in order. */
export function recorded(client: RedisClient) {
  const calls: ScriptInput[] = [];
  const evalSha: RedisClient['evalSha'] = (sha1, input) => {
    calls.push(input);
    return client.evalSha(sha1, input);
  };
  return { client: { eval: client.eval.bind(client), evalSha } satisfies RedisClient, calls };
}

/** Everything that the store can do, each on records of its own. */
export function everyCall(storage: Storage): {
  readonly [method in keyof Omit<Storage, 'close' | 'sweep'>]: () => Promise<unknown>;
} {
  const options = { grantId: 'g', index: { by: 'x' }, expiresAt: Date.now() / 1000 + 60 };
  return {
    get: () => storage.get('Token', 'get'),
    put: () => storage.put('Token', 'put', { n: 1 }, options),
    create: () => storage.create('Token', 'create', { n: 1 }, options),
    consume: () => storage.consume('Token', 'consume', 1),
    take: () => storage.take('Token', 'take'),
    replace: () => storage.replace('Token', 'replace', 'version', { n: 1 }, options),
    delete: () => storage.delete('Token', 'delete'),
    deleteByGrant: () => storage.deleteByGrant('h', Date.now() / 1000 + 60),
    find: () => storage.find('Token', 'by', 'x', { limit: 9 }),
    increment: () => storage.increment('counter', 60),
    ping: () => storage.ping(),
  };
}
