import { StorageUnavailableError } from '../../../lib/storage/storage.ts';
import type { RunScript } from './client.ts';
import { addressOf, type Keys } from './keys.ts';
import { grantIdOf, indexOf, type Row } from './rows.ts';
import { BURY, ENTER, ENTER_GRANT, IS_BURIED, LEAVE } from './scripts.ts';

/**
 * Sorted sets that lead from a grant, and from a value of the index, to records.
 *
 * A member names a record and one version of it. It is entered before that version is written, so that a crash in
 * between leaves a member without a record and never a record that cannot be found, and it leaves when the version is
 * gone: no other version's member is touched, whatever happens at the same time.
 */
export interface Groups {
  /** Enters a version that is about to be written. @returns false where its grant is buried. */
  enter(kind: string, id: string, row: Row): Promise<boolean>;
  /** Removes a version that is gone; left undone in an outage, since readers see that it is gone. */
  leave(kind: string, id: string, row: Row): Promise<void>;
  /** Sets the tombstone, which is the deletion. @returns the first so many members of the grant */
  bury(grantId: string, expiresAt: number, limit: number): Promise<string[]>;
  /** @param grant as a row has it; no grant is never buried. */
  isBuried(grant: string): Promise<boolean>;
  /** Removes members of the grant. */
  forget(grantId: string, members: readonly string[]): Promise<void>;
}

export function createGroups(run: RunScript, keys: Keys): Groups {
  function indexKeysOf(kind: string, row: Row): (readonly string[])[] {
    return Object.entries(indexOf(row)).map(([name, value]) => keys.index(kind, name, value));
  }

  function grantKeysOf({ grant }: Row) {
    return grant === '' ? undefined : keys.grant(grantIdOf(grant));
  }

  async function enterGrant(kind: string, id: string, row: Row): Promise<boolean> {
    const grantKeys = grantKeysOf(row);
    if (!grantKeys) return true;
    const entered = await run(ENTER_GRANT, grantKeys, memberOf(addressOf(kind, id), row.version), row.expires);
    return Number(entered) === 1;
  }

  return {
    async enter(kind, id, row) {
      const [isEntered] = await Promise.all([
        enterGrant(kind, id, row),
        ...indexKeysOf(kind, row).map((group) => run(ENTER, group, memberOf(id, row.version), row.expires)),
      ]);
      return isEntered;
    },

    async leave(kind, id, row) {
      const grantKeys = grantKeysOf(row);
      const leaving = indexKeysOf(kind, row).map((group) => run(LEAVE, group, memberOf(id, row.version)));
      if (grantKeys) leaving.push(run(LEAVE, [grantKeys[1]], memberOf(addressOf(kind, id), row.version)));
      await leftUndoneInOutage(Promise.all(leaving));
    },

    async bury(grantId, expiresAt, limit) {
      return toTexts(await run(BURY, keys.grant(grantId), String(expiresAt), String(limit)));
    },

    async isBuried(grant) {
      if (grant === '') return false;
      const [tombstone] = keys.grant(grantIdOf(grant));
      return Number(await run(IS_BURIED, [tombstone])) === 1;
    },

    async forget(grantId, members) {
      if (members.length > 0) await run(LEAVE, [keys.grant(grantId)[1]], ...members);
    },
  };
}

/** NUL, which no name holds, sorts before whatever a longer name goes on with: members are in the order of names. */
export function memberOf(name: string, version: string): string {
  return `${name}\0${version}`;
}

export function partsOf(member: string): { readonly name: string; readonly version: string } {
  const end = member.lastIndexOf('\0');
  return { name: member.slice(0, end), version: member.slice(end + 1) };
}

export function toTexts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** For work that only tidies up. */
export async function leftUndoneInOutage(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof StorageUnavailableError)) throw error;
  }
}
