import type { StoredValue, WriteOptions } from '../../../lib/storage/storage.ts';
import type { RunScript } from './client.ts';
import type { Groups } from './groups.ts';
import { addressOf, type Keys } from './keys.ts';
import { fieldsOf, newRow, type Row, toRow } from './rows.ts';
import { DELETE, UNDO, WRITE } from './scripts.ts';

/** Put writes always, create where nothing is, replace where the version is the expected one. */
export type Manner = { readonly how: 'put' | 'create' } | { readonly how: 'replace'; readonly version: string };

export interface Records {
  /** @returns false where it wrote nothing, or nothing stayed since the grant was deleted meanwhile. */
  write(manner: Manner, kind: string, id: string, value: StoredValue, options?: WriteOptions): Promise<boolean>;
  remove(kind: string, id: string): Promise<void>;
  /** Deletes a record only where it belongs to this grant, as a row has it; the grant's member stays. */
  removeOfGrant(kind: string, id: string, grant: string): Promise<void>;
}

export interface RecordsOptions {
  readonly run: RunScript;
  readonly keys: Keys;
  readonly groups: Groups;
  readonly now: () => number;
}

interface Outcome {
  readonly wrote: boolean;
  /** What was there. Its value is '' where the write is never undone. */
  readonly previous: Row | undefined;
}

export function createRecords({ run, keys, groups, now }: RecordsOptions): Records {
  async function attempt(manner: Manner, key: string, row: Row): Promise<Outcome> {
    const { value, version, expires, grant, index } = row;
    const expected = manner.how === 'replace' ? manner.version : '';
    const reply = await run(WRITE, [key], manner.how, expected, value, version, expires, grant, index);
    const [wrote, previous] = reply as [unknown, unknown];
    return { wrote: Number(wrote) === 1, previous: toRow(previous) };
  }

  /** Deletes what was written, or brings back what it wrote over. */
  async function undo(key: string, row: Row, overwritten: Row | undefined): Promise<void> {
    await run(UNDO, [key], row.version, ...(overwritten ? fieldsOf(overwritten) : []));
  }

  /** A record whose grant is buried is not there, so nothing can replace it, in another grant neither. */
  async function replacedNothing({ how }: Manner, row: Row, previous: Row | undefined): Promise<boolean> {
    if (how !== 'replace' || !previous || previous.grant === row.grant) return false;
    return groups.isBuried(previous.grant);
  }

  async function removeOfGrant(kind: string, id: string, grant: string): Promise<void> {
    const row = toRow(await run(DELETE, [keys.record(addressOf(kind, id))], grant));
    if (row) await groups.leave(kind, id, { ...row, grant: '' });
  }

  return {
    async write(manner, kind, id, value, options = {}) {
      const key = keys.record(addressOf(kind, id));
      const row = newRow(value, options, now());
      if (!(await groups.enter(kind, id, row))) {
        await groups.leave(kind, id, row);
        return false;
      }

      let { wrote, previous } = await attempt(manner, key, row);
      if (!wrote && previous && (await groups.isBuried(previous.grant))) {
        await removeOfGrant(kind, id, previous.grant);
        ({ wrote, previous } = await attempt(manner, key, row));
      }
      if (!wrote) {
        await groups.leave(kind, id, row);
        return false;
      }

      // The deletion may have come between entering and writing, and then it missed this record.
      const overwritten = previous?.value === '' ? undefined : previous;
      const [isBuried] = await Promise.all([
        groups.isBuried(row.grant),
        previous && !overwritten && groups.leave(kind, id, previous),
      ]);
      if (isBuried) {
        await undo(key, row, overwritten);
        await groups.leave(kind, id, row);
        return false;
      }
      if (await replacedNothing(manner, row, previous)) {
        await undo(key, row, undefined);
        await groups.leave(kind, id, row);
        return false;
      }
      if (overwritten) await groups.leave(kind, id, overwritten);
      return true;
    },

    async remove(kind, id) {
      const row = toRow(await run(DELETE, [keys.record(addressOf(kind, id))]));
      if (row) await groups.leave(kind, id, row);
    },

    removeOfGrant,
  };
}
