import type { FoundRecord, Storage } from '../../../lib/storage/storage.ts';
import type { RunScript } from './client.ts';
import { type Groups, leftUndoneInOutage, partsOf, toTexts } from './groups.ts';
import { addressOf, type Keys, requireText } from './keys.ts';
import { indexOf, type Row, secondsSince, toRecord, toRow } from './rows.ts';
import { LEAVE, PAGE, READ } from './scripts.ts';

const smallestPage = 16;
const largestPage = 256;

/** A member that leads nowhere may be that of a write on its way; after this time no write is. */
const settledSeconds = 300;

export interface FindOptions {
  readonly run: RunScript;
  readonly keys: Keys;
  readonly groups: Groups;
  readonly now: () => number;
}

/** A row that has not expired. */
interface Reading {
  readonly row: Row;
  readonly isBuried: boolean;
}

/** Reads members page by page until enough of them lead to records, and tidies up on the way. */
export function createFind({ run, keys, groups, now }: FindOptions): Storage['find'] {
  async function read(kind: string, ids: readonly string[]): Promise<Map<string, Reading>> {
    const answers = new Map<string, Promise<boolean>>();
    const readings = new Map<string, Reading>();
    await Promise.all(
      ids.map(async (id) => {
        const row = toRow(await run(READ, [keys.record(addressOf(kind, id))]));
        if (!row) return;
        const isBuried = answers.get(row.grant) ?? groups.isBuried(row.grant);
        answers.set(row.grant, isBuried);
        readings.set(id, { row, isBuried: await isBuried });
      }),
    );
    return readings;
  }

  /** True of a member whose version is gone for good: not on its way, and not about to come back by an undone write. */
  function isStale(member: string, readings: ReadonlyMap<string, Reading>): boolean {
    const { name, version } = partsOf(member);
    const present = readings.get(name)?.row.version;
    if (present === version || secondsSince(version, now()) < settledSeconds) return false;
    return present === undefined || secondsSince(present, now()) >= settledSeconds;
  }

  return async (kind, name, value, { limit, after }) => {
    const group = keys.index(kind, name, value);
    const found = new Map<string, FoundRecord>();
    // No id goes on with a NUL, so this is behind all members of `after` and before those of any longer id.
    let from = after === undefined ? '-' : `[${requireText('after', after)}\u0001`;
    while (found.size < limit) {
      const size = Math.min(Math.max(limit - found.size, smallestPage), largestPage);
      const members = toTexts(await run(PAGE, [group[1]], from, String(size)));
      const ids = [...new Set(members.map((member) => partsOf(member).name))];
      const readings = await read(kind, ids);
      for (const id of ids) {
        const { row, isBuried } = readings.get(id) ?? {};
        // Not by version: while a record is written anew, any of its members leads to it.
        if (row && !isBuried && indexOf(row)[name] === value) found.set(id, { id, ...toRecord(row) });
      }
      const stale = members.filter((member) => isStale(member, readings));
      if (stale.length > 0) await leftUndoneInOutage(run(LEAVE, group, ...stale));
      if (members.length < size) break;
      from = `(${members.at(-1)}`;
    }
    return [...found.values()].slice(0, limit);
  };
}
