import { type BrokenStore, pause } from './broken-store.ts';

export const notInOneStep: readonly BrokenStore[] = [
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
  {
    fault: 'looks at the deciding record of a commit, then writes',
    rule: 'several: one of parallel commits wins, and only its records stay',
    breakIt: (sound) => ({
      async commit(deciding, others) {
        const record = await sound.get(deciding.kind, deciding.id);
        await pause();
        if (!record) return false;
        await Promise.all([deciding, ...others].map(({ kind, id, value }) => sound.put(kind, id, value)));
        return true;
      },
    }),
  },
  {
    fault: 'puts the other records of a commit that does not happen',
    rule: 'several: commit creates a record and puts others, once',
    breakIt: (sound) => ({
      async commit(deciding, others) {
        for (const { kind, id, value, options } of others) await sound.put(kind, id, value, options);
        return sound.commit?.(deciding, []) ?? false;
      },
    }),
  },
];
