/** Stores that break one promise of the port each, in the ways in which real ones were seen to break it. */
import type { ContractClock } from '../../adapters/storage/contract.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import type { Storage } from '../../lib/storage/storage.ts';

export interface BrokenStore {
  /** What is wrong with it. */
  readonly fault: string;
  /** One rule of the contract that must notice. */
  readonly rule: string;
  /** The methods that take the place of the sound ones. */
  readonly breakIt: (sound: Storage, clock: ContractClock) => Partial<Storage>;
}

/** As a round trip to a server: others get their turn. */
const pause = () => new Promise((resolve) => setImmediate(resolve));

/** A sound store, and a way to call it at another time than the present. */
function storeWithTimeTravel(clock: ContractClock) {
  let time: number | undefined;
  const store = memoryStorage({ now: () => time ?? clock.now() });
  function at<T>(other: number, call: () => T): T {
    time = other;
    // The memory store has done all its work when it returns its promise.
    const result = call();
    time = undefined;
    return result;
  }
  return { store, at };
}

const NOT_IN_ONE_STEP: readonly BrokenStore[] = [
  {
    fault: 'consumes after reading',
    rule: 'atomicity: one of parallel consumes wins, and its time stands',
    breakIt: (sound) => ({
      async consume(kind, id, at) {
        const record = await sound.get(kind, id);
        await pause();
        if (!record) return 'missing';
        if (record.consumedAt !== undefined) return 'already';
        await sound.consume(kind, id, at);
        return 'consumed';
      },
    }),
  },
  {
    fault: 'creates after reading',
    rule: 'atomicity: one of parallel creates wins, and its value stands',
    breakIt: (sound) => ({
      async create(kind, id, value, options) {
        const record = await sound.get(kind, id);
        await pause();
        return !record && sound.put(kind, id, value, options);
      },
    }),
  },
  {
    fault: 'takes by reading, then deleting',
    rule: 'atomicity: one of parallel takes gets the record',
    breakIt: (sound) => ({
      async take(kind, id) {
        const record = await sound.get(kind, id);
        await pause();
        await sound.delete(kind, id);
        return record;
      },
    }),
  },
  {
    fault: 'compares the version, then writes',
    rule: 'atomicity: one of parallel replaces wins, and its value stands',
    breakIt: (sound) => ({
      async replace(kind, id, version, value, options) {
        if ((await sound.get(kind, id))?.version !== version) return false;
        await pause();
        const present = await sound.get(kind, id);
        return sound.replace(kind, id, present?.version ?? '', value, options);
      },
    }),
  },
  {
    fault: 'looks for a tombstone, then writes',
    rule: 'grants: nothing survives that was written while its grant was deleted',
    breakIt: (sound) => {
      const buried = new Set<string>();
      return {
        async put(kind, id, value, options) {
          if (buried.has(options?.grantId ?? '')) return false;
          await pause();
          return sound.put(kind, id, value, options);
        },
        deleteByGrant(grantId) {
          buried.add(grantId);
          return sound.deleteByGrant(grantId, 0);
        },
      };
    },
  },
  {
    fault: 'counts by reading, then writing',
    rule: 'counters: parallel increments are counted one by one',
    breakIt: () => {
      const counts = new Map<string, number>();
      return {
        async increment(key) {
          const count = (counts.get(key) ?? 0) + 1;
          await pause();
          counts.set(key, count);
          return count;
        },
      };
    },
  },
];

const WRONG_RECORDS: readonly BrokenStore[] = [
  {
    fault: 'creates by put',
    rule: 'records: create leaves a record that is there alone',
    breakIt: (sound) => ({ create: sound.put }),
  },
  {
    fault: 'takes without deleting',
    rule: 'records: take returns the record and deletes it',
    breakIt: (sound) => ({ take: sound.get }),
  },
  {
    fault: 'replaces whatever the version',
    rule: 'records: replace writes where the version is the expected one',
    breakIt: (sound) => ({
      async replace(kind, id, _version, value, options) {
        const record = await sound.get(kind, id);
        return record !== undefined && sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
  {
    fault: 'replaces by put, which forgets the consumption',
    rule: 'records: replace keeps consumption, and consumption keeps the version',
    breakIt: (sound) => ({
      async replace(kind, id, version, value, options) {
        return (await sound.get(kind, id))?.version === version && sound.put(kind, id, value, options);
      },
    }),
  },
  {
    fault: 'puts by replace, which keeps the consumption',
    rule: 'records: put resets consumption',
    breakIt: (sound) => ({
      async put(kind, id, value, options) {
        const record = await sound.get(kind, id);
        if (!record) return sound.put(kind, id, value, options);
        return sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
  {
    fault: 'makes versions from values',
    rule: 'records: every write makes a version that the record never had',
    breakIt: (sound) => ({
      async get(kind, id) {
        const record = await sound.get(kind, id);
        return record && { ...record, version: JSON.stringify(record.value) };
      },
      async replace(kind, id, version, value, options) {
        const record = await sound.get(kind, id);
        if (!record || JSON.stringify(record.value) !== version) return false;
        return sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
];

const WRONG_VALUES: readonly BrokenStore[] = [
  {
    fault: 'joins kind and id',
    rule: 'values: kind and id are two things',
    breakIt: (sound) => ({
      get: (kind, id) => sound.get('', `${kind}:${id}`),
      put: (kind, id, value, options) => sound.put('', `${kind}:${id}`, value, options),
      create: (kind, id, value, options) => sound.create('', `${kind}:${id}`, value, options),
    }),
  },
  {
    fault: 'copies values by assignment',
    rule: 'values: a member named __proto__ is a member like others',
    breakIt: (sound) => ({
      async get(kind, id) {
        const record = await sound.get(kind, id);
        return record && { ...record, value: Object.assign({}, record.value) };
      },
    }),
  },
  {
    fault: 'hands out one object to all',
    rule: 'values: what a caller changes in a value does not reach the store',
    breakIt: (sound) => {
      const cache = new Map<string, Record<string, unknown>>();
      return {
        async get(kind, id) {
          const record = await sound.get(kind, id);
          if (!record) return undefined;
          const value = cache.get(record.version) ?? record.value;
          cache.set(record.version, value);
          return { ...record, value };
        },
      };
    },
  },
  {
    fault: 'keeps the first 64 KB of a text',
    rule: 'values: values come back as they were written',
    breakIt: (sound) => ({
      put: (kind, id, value, options) =>
        sound.put(
          kind,
          id,
          JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'string' ? v.slice(0, 65_536) : v))),
          options,
        ),
    }),
  },
];

const WRONG_TIMES: readonly BrokenStore[] = [
  {
    fault: 'ignores expiry',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: () => memoryStorage({ now: () => 0 }),
  },
  {
    fault: 'lets a record live in the second of its expiry',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: (_, clock) => memoryStorage({ now: () => clock.now() - 0.001 }),
  },
  {
    fault: 'lets records expire by the whole second',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: (_, clock) => memoryStorage({ now: () => Math.ceil(clock.now()) }),
  },
  {
    fault: 'creates only after a sweep',
    rule: 'expiry: an expired record can be created again, with nothing left of the old one',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, create: (...args) => at(0, () => store.create(...args)) };
    },
  },
  {
    fault: 'consumes an expired record',
    rule: 'expiry: an expired record is not consumed',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, consume: (...args) => at(0, () => store.consume(...args)) };
    },
  },
  {
    fault: 'hands out an expired record once more',
    rule: 'expiry: an expired record is not taken',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, take: (...args) => at(0, () => store.take(...args)) };
    },
  },
  {
    fault: 'brings an expired record back by replace',
    rule: 'expiry: an expired record is not replaced',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, replace: (...args) => at(0, () => store.replace(...args)) };
    },
  },
  {
    fault: 'finds expired records',
    rule: 'expiry: an expired record is not found',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, find: (...args) => at(0, () => store.find(...args)) };
    },
  },
  {
    fault: 'prolongs the window with every call',
    rule: 'counters: a window opens with the first call and is not prolonged by later ones',
    breakIt: (_, clock) => {
      const counters = new Map<string, { count: number; end: number }>();
      return {
        async increment(key, ttlSeconds) {
          const open = counters.get(key);
          const count = open && open.end > clock.now() ? open.count + 1 : 1;
          counters.set(key, { count, end: clock.now() + ttlSeconds });
          return count;
        },
      };
    },
  },
  {
    fault: 'sweeps more than asked for',
    rule: 'sweeping: sweep removes expired rows, at most as many as asked for, and counts them',
    breakIt: (sound) => ({ sweep: (before) => sound.sweep(before, Number.POSITIVE_INFINITY) }),
  },
  {
    fault: 'sweeps nothing',
    rule: 'sweeping: sweep removes expired rows, at most as many as asked for, and counts them',
    breakIt: () => ({ sweep: async () => 0 }),
  },
  {
    fault: 'sweeps what expires before the given time, live or not',
    rule: 'sweeping: sweep removes nothing that is live, whatever time it is given',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, sweep: (before, limit) => at(before, () => store.sweep(before, limit)) };
    },
  },
];

const WRONG_GRANTS: readonly BrokenStore[] = [
  {
    fault: 'deletes a grant without a tombstone',
    rule: 'grants: no write names a deleted grant until its tombstone expires',
    breakIt: (sound) => ({ deleteByGrant: (grantId) => sound.deleteByGrant(grantId, 0) }),
  },
  {
    fault: 'keeps a tombstone forever',
    rule: 'grants: no write names a deleted grant until its tombstone expires',
    breakIt: (sound) => ({ deleteByGrant: (grantId) => sound.deleteByGrant(grantId, Number.POSITIVE_INFINITY) }),
  },
  {
    fault: 'leaves a tombstone and the records',
    rule: 'grants: deleteByGrant deletes the records of one grant, of every kind',
    breakIt: (_, clock) => {
      const graves = memoryStorage(clock);
      const records = memoryStorage(clock);
      const put: Storage['put'] = async (kind, id, value, options) =>
        (await graves.put(kind, id, value, options)) && records.put(kind, id, value, options);
      return { ...records, put, deleteByGrant: graves.deleteByGrant };
    },
  },
  {
    fault: 'asks for no tombstone in replace',
    rule: 'grants: no write names a deleted grant until its tombstone expires',
    breakIt: (sound) => {
      const replace: Storage['replace'] = (kind, id, version, value, options) => {
        const { grantId: _, ...others } = options ?? {};
        return sound.replace(kind, id, version, value, others);
      };
      return { replace };
    },
  },
  {
    fault: 'deletes the records that were first written with the grant',
    rule: 'grants: a record belongs to the grant of its last write',
    breakIt: (sound) => {
      const first = new Map<string, string | undefined>();
      return {
        put(kind, id, value, { grantId, ...options } = {}) {
          const owner = first.has(id) ? first.get(id) : grantId;
          first.set(id, owner);
          return sound.put(kind, id, value, { ...options, ...(owner !== undefined && { grantId: owner }) });
        },
      };
    },
  },
  {
    fault: 'lets a second deletion shorten the tombstone',
    rule: 'grants: a second deleteByGrant prolongs the tombstone and never shortens it',
    breakIt: (sound, clock) => {
      const ends = new Map<string, number>();
      return {
        async put(kind, id, value, options) {
          const end = ends.get(options?.grantId ?? '') ?? 0;
          return end <= clock.now() && sound.put(kind, id, value, options);
        },
        async deleteByGrant(grantId, end) {
          ends.set(grantId, end);
          await sound.deleteByGrant(grantId, 0);
        },
      };
    },
  },
];

const WRONG_SEARCHES: readonly BrokenStore[] = [
  {
    fault: 'finds in the order of writing',
    rule: 'search: find goes by ascending id, in byte order, page by page',
    breakIt: (sound) => ({ find: async (...args) => (await sound.find(...args)).reverse() }),
  },
  {
    fault: 'finds in the order of a dictionary',
    rule: 'search: find goes by ascending id, in byte order, page by page',
    breakIt: (sound) => ({
      find: async (...args) => (await sound.find(...args)).sort((a, b) => a.id.localeCompare(b.id)),
    }),
  },
  {
    fault: 'begins a page with the last id already seen',
    rule: 'search: find begins after an id that is no longer there',
    breakIt: (sound) => ({
      async find(kind, name, value, { limit, after }) {
        const all = await sound.find(kind, name, value, { limit: 1000 });
        const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
        return all.slice(start, start + limit);
      },
    }),
  },
  {
    fault: 'counts expired records into a page',
    rule: 'search: records that are gone take no place in a page',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return {
        ...store,
        async find(...args) {
          const page = await at(0, () => store.find(...args));
          return page.filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > clock.now());
        },
      };
    },
  },
  {
    fault: 'keeps the first index of a record',
    rule: 'search: put and replace write the index anew',
    breakIt: (sound) => {
      const first = new Map<string, { readonly [name: string]: string }>();
      return {
        put(kind, id, value, options = {}) {
          const index = first.get(id) ?? options.index ?? {};
          first.set(id, index);
          return sound.put(kind, id, value, { ...options, index });
        },
      };
    },
  },
];

export const BROKEN_STORES: readonly BrokenStore[] = [
  ...NOT_IN_ONE_STEP,
  ...WRONG_RECORDS,
  ...WRONG_VALUES,
  ...WRONG_TIMES,
  ...WRONG_GRANTS,
  ...WRONG_SEARCHES,
];
