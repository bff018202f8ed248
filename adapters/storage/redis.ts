import { commitInSteps } from '../../lib/storage/commit.ts';
import type { Storage } from '../../lib/storage/storage.ts';
import { createRunner, type RedisClient } from './redis/client.ts';
import { createFind } from './redis/find.ts';
import { createGroups, partsOf, toTexts } from './redis/groups.ts';
import { addressOf, createKeys, kindAndIdOf } from './redis/keys.ts';
import { type RedisStorageOptions, resolveOptions } from './redis/options.ts';
import { createRecords } from './redis/records.ts';
import { grantText, toRecord, toRow, uniqueText } from './redis/rows.ts';
import { CONSUME, EVICTION_POLICY, INCREMENT, PING, READ, TAKE } from './redis/scripts.ts';
import { createSpanProbe, createWholeRecords, type RecordCalls } from './redis/whole-records.ts';

export type { RedisClient, ScriptInput } from './redis/client.ts';
export { fromIORedis, type IORedisClient } from './redis/ioredis.ts';
export type { RedisStorageOptions } from './redis/options.ts';

/** How many records of a grant are deleted at once. */
const DELETION_BATCH = 500;

/**
 * A store in Redis: one server, Sentinel or Cluster, for any number of processes. It is given the client, which stays the
 * caller's, to connect, to listen to its `error` events and to close: `close` ends nothing.
 *
 * Every call is one script on one server, and in a cluster some of them in sequence, each on keys of one slot. Expiry goes by the caller's clock; Redis only
 * removes what has expired, so there is nothing to sweep.
 *
 * Two things are the operator's. `maxmemory-policy noeviction`: any other policy makes clients and sessions vanish, or
 * forgets that a code was used; when memory is full, calls that write reject with {@link StorageUnavailableError}.
 * And persistence (`appendonly yes`): a crash undoes the last second before it, with `appendfsync always` nothing. A
 * failover undoes what the new master had not received, so that what was used just before can be used again.
 *
 * Tested on Redis 7.0, single, under Sentinel and as a Cluster, with node-redis 6 and ioredis 6. Valkey has the same commands and was not run.
 *
 * @throws {@link ConfigurationError} for a client or an option that breaks its rule.
 *
 * @example
 * import { createClient } from 'redis';
 *
 * const client = createClient({ url: process.env.REDIS_URL });
 * client.on('error', (error) => log.warn(error));
 * await client.connect();
 * const storage = redisStorage(client);
 */
export function redisStorage(client: RedisClient, options: RedisStorageOptions = {}): Storage {
  const { now, prefix, commandTimeoutMs } = resolveOptions(client, options);
  const { run, close } = createRunner(client, { now, commandTimeoutMs });
  const keys = createKeys(prefix);
  const groups = createGroups(run, keys);
  const records = createRecords({ run, keys, groups, now });
  const recordKey = (kind: string, id: string) => [keys.record(addressOf(kind, id))];

  /** For a cluster: each step on the keys of one slot. */
  const inSteps: RecordCalls = {
    // The tombstone always after the record: one that stood when the record was read is seen.
    async get(kind, id) {
      const row = toRow(await run(READ, recordKey(kind, id)));
      return row && !(await groups.isBuried(row.grant)) ? toRecord(row) : undefined;
    },

    getAll: (addresses) => Promise.all(addresses.map(({ kind, id }) => inSteps.get(kind, id))),

    put: (kind, id, value, options) => records.write({ how: 'put' }, kind, id, value, options),

    create: (kind, id, value, options) => records.write({ how: 'create' }, kind, id, value, options),

    async consume(kind, id, at) {
      const reply = await run(CONSUME, recordKey(kind, id), `${at} ${uniqueText()}`);
      const [answer = '', grant = ''] = toTexts(reply);
      return (await groups.isBuried(grant)) ? 'missing' : (answer as 'consumed' | 'already' | 'missing');
    },

    async take(kind, id) {
      const row = toRow(await run(TAKE, recordKey(kind, id)));
      if (!row) return undefined;
      const [isBuried] = await Promise.all([groups.isBuried(row.grant), groups.leave(kind, id, row)]);
      return isBuried ? undefined : toRecord(row);
    },

    replace: (kind, id, version, value, options) =>
      records.write({ how: 'replace', version }, kind, id, value, options),

    commit: (deciding, others) => commitInSteps(inSteps, deciding, others),

    delete: (kind, id) => records.remove(kind, id),
  };
  const whole = createWholeRecords({ run, keys, now });
  const maySpan = createSpanProbe(run, keys);
  const calls = async () => ((await maySpan()) ? whole : inSteps);

  return {
    get: async (...call) => (await calls()).get(...call),

    getAll: async (...call) => (await calls()).getAll(...call),

    put: async (...call) => (await calls()).put(...call),

    create: async (...call) => (await calls()).create(...call),

    consume: async (...call) => (await calls()).consume(...call),

    take: async (...call) => (await calls()).take(...call),

    replace: async (...call) => (await calls()).replace(...call),

    commit: async (...call) => (await calls()).commit(...call),

    delete: async (...call) => (await calls()).delete(...call),

    async deleteByGrant(grantId, tombstoneExpiresAt) {
      for (;;) {
        const members = await groups.bury(grantId, tombstoneExpiresAt, DELETION_BATCH);
        const addresses = new Set(members.map((member) => partsOf(member).name));
        await Promise.all(
          [...addresses].map((address) => records.removeOfGrant(...kindAndIdOf(address), grantText(grantId))),
        );
        await groups.forget(grantId, members);
        if (members.length < DELETION_BATCH) return;
      }
    },

    find: createFind({ run, keys, groups, now }),

    async increment(key, ttlSeconds) {
      return Number(await run(INCREMENT, [keys.counter(key)], String(ttlSeconds)));
    },

    // Redis removes expired keys by itself, and every new entry of an index or a grant takes expired ones with it.
    sweep: async () => 0,

    async ping() {
      await run(PING, [keys.ping]);
    },

    async warnings() {
      const policy = String(await run(EVICTION_POLICY, [keys.ping]));
      if (policy === '' || policy === 'noeviction') return [];
      const reason =
        `Redis has maxmemory-policy ${policy}: once full, it drops clients and grants, and forgets that a code was used; ` +
        'set maxmemory-policy noeviction';
      return [{ code: 'MCP_OAUTH_REDIS_EVICTION', reason }];
    },

    async close() {
      close();
    },
  };
}
