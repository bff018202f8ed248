import { memoryStorage } from '../../../lib/storage/memory.ts';
import type { Storage } from '../../../lib/storage/storage.ts';
import type { BrokenStore } from './broken-store.ts';

export const wrongGrants: readonly BrokenStore[] = [
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
