import assert from 'node:assert/strict';
import { commitAll, readAll } from '../../../lib/storage/commit.ts';
import type { DecidingWrite, RecordWrite, Storage } from '../../../lib/storage/storage.ts';
import { assertSame } from './assert-same.ts';
import { inParallel, type Rules, type Subject } from './subject.ts';

const CALLERS = 12;

const token = (id: string, n: number, options?: RecordWrite['options']): RecordWrite => ({
  kind: 'Token',
  id,
  value: { n },
  ...(options && { options }),
});

async function use({ storage, clock }: Subject, id: string, grantId?: string): Promise<DecidingWrite> {
  const { version = '' } = (await storage.get('Code', id)) ?? {};
  const options = grantId === undefined ? {} : { options: { grantId } };
  return { how: 'use', kind: 'Code', id, version, consumedAt: clock.now(), value: { used: true }, ...options };
}

/** The records with these ids that are there. */
async function present(storage: Storage, ids: readonly string[]): Promise<string[]> {
  const records = await readAll(
    storage,
    ids.map((id) => ({ kind: 'Token', id })),
  );
  return ids.filter((_, place) => records[place] !== undefined);
}

/** Several records in one call, for stores that have such calls, and by single calls for the others. */
export const several: Rules = {
  'getAll gives at each place what get gives': async ({ storage, clock }) => {
    await storage.put('Token', 'a', { n: 1 }, { expiresAt: clock.now() + 60 });
    await storage.put('Token', 'expired', { n: 2 }, { expiresAt: clock.now() + 10 });
    await storage.put('Token', 'buried', { n: 3 }, { grantId: 'g' });
    await storage.put('Code', 'a', { n: 4 });
    await storage.consume('Code', 'a', clock.now());
    await storage.deleteByGrant('g', clock.now() + 60);
    clock.advance(10);
    const addresses = [
      ['Code', 'a'],
      ['Token', 'expired'],
      ['Token', 'a'],
      ['Token', 'none'],
      ['Token', 'buried'],
      ['Token', 'a'],
    ].map(([kind = '', id = '']) => ({ kind, id }));
    const one = await Promise.all(addresses.map(({ kind, id }) => storage.get(kind, id)));
    assertSame(await readAll(storage, addresses), one);
    assertSame(
      one.map((record) => record?.value.n),
      [4, undefined, 1, undefined, undefined, 1],
    );
    assertSame(await readAll(storage, []), []);
  },

  'commit uses a record up and puts others': async (subject) => {
    const { storage, other, clock } = subject;
    await storage.put('Code', 'a', { n: 0 });
    await storage.put('Token', 'old', { n: 1 }, { index: { by: 'x' } });
    const deciding = await use(subject, 'a');
    const others = [token('old', 2, { index: { by: 'y' } }), token('new', 3, { expiresAt: clock.now() + 60 })];
    assert.equal(await commitAll(storage, deciding, others), true);
    const used = await other.get('Code', 'a');
    assertSame(used?.value, { used: true });
    assert.equal(used?.consumedAt, clock.now());
    assert.notEqual(used?.version, deciding.how === 'use' && deciding.version);
    assert.equal(await other.consume('Code', 'a', clock.now()), 'already');
    assert.equal((await other.get('Token', 'old'))?.value.n, 2);
    assert.equal((await other.get('Token', 'new'))?.expiresAt, clock.now() + 60);
    assertSame(await other.find('Token', 'by', 'x', { limit: 9 }), []);
    assertSame(
      (await other.find('Token', 'by', 'y', { limit: 9 })).map(({ id }) => id),
      ['old'],
    );
    assert.equal(await commitAll(storage, deciding, [token('late', 4)]), false);
    assertSame(await present(other, ['late']), []);
  },

  'commit creates a record and puts others, once': async ({ storage, clock }) => {
    const deciding: DecidingWrite = {
      how: 'create',
      kind: 'Replay',
      id: 'a',
      value: { n: 1 },
      options: { expiresAt: clock.now() + 60 },
    };
    assert.equal(await commitAll(storage, deciding, [token('first', 1, { grantId: 'g' })]), true);
    assert.equal(await commitAll(storage, { ...deciding, value: { n: 2 } }, [token('second', 2)]), false);
    assertSame((await storage.get('Replay', 'a'))?.value, { n: 1 });
    assertSame(await present(storage, ['first', 'second']), ['first']);
    clock.advance(60);
    assert.equal(await commitAll(storage, { ...deciding, options: {} }, [token('third', 3)]), true);
    assertSame(await present(storage, ['first', 'third']), ['first', 'third']);
  },

  'commit writes nothing where the record is another version, used, expired or gone': async (subject) => {
    const { storage, clock } = subject;
    await storage.put('Code', 'rewritten', {});
    await storage.put('Code', 'deleted', {});
    await storage.put('Code', 'expired', {}, { expiresAt: clock.now() + 10 });
    const stale = await Promise.all(['rewritten', 'deleted', 'expired'].map((id) => use(subject, id)));
    await storage.put('Code', 'rewritten', { n: 1 });
    await storage.delete('Code', 'deleted');
    clock.advance(10);
    for (const deciding of stale) assert.equal(await commitAll(storage, deciding, [token('a', 1)]), false);
    assertSame(await present(storage, ['a']), []);
    assertSame((await storage.get('Code', 'rewritten'))?.value, { n: 1 });
    assert.equal((await storage.get('Code', 'rewritten'))?.consumedAt, undefined);
    assert.equal(await storage.get('Code', 'deleted'), undefined);
  },

  'commit writes nothing where the grant of any of its records was deleted': async (subject) => {
    const { storage, clock } = subject;
    await storage.put('Code', 'a', { n: 1 });
    await storage.deleteByGrant('g', clock.now() + 60);
    const inGrant = token('b', 2, { grantId: 'g' });
    assert.equal(await commitAll(storage, await use(subject, 'a'), [token('c', 1), inGrant]), false);
    assert.equal(await commitAll(storage, await use(subject, 'a', 'g'), [token('c', 1)]), false);
    assert.equal((await storage.get('Code', 'a'))?.consumedAt, undefined);
    assertSame((await storage.get('Code', 'a'))?.value, { n: 1 });
    assertSame(await present(storage, ['b', 'c']), []);
  },

  'one of parallel commits wins, and only its records stay': async (subject) => {
    const { storage } = subject;
    await storage.put('Code', 'a', {}, { grantId: 'g' });
    const deciding = await use(subject, 'a', 'g');
    const mine = (caller: number) => [`x ${caller}`, `y ${caller}`];
    const won = await inParallel(subject, CALLERS, (store, caller) =>
      commitAll(
        store,
        { ...deciding, value: { caller } },
        mine(caller).map((id) => token(id, caller, { grantId: 'g' })),
      ),
    );
    assert.equal(won.filter(Boolean).length, 1);
    assertSame((await storage.get('Code', 'a'))?.value, { caller: won.indexOf(true) });
    const all = Array.from({ length: CALLERS }, (_, caller) => mine(caller)).flat();
    assertSame(await present(storage, all), mine(won.indexOf(true)));
  },

  'nothing of a commit survives that happened while its grant was deleted': async (subject) => {
    const { storage, other, clock } = subject;
    for (let round = 0; round < CALLERS; round += 1) {
      const grantId = `g ${round}`;
      await storage.put('Code', grantId, {}, { grantId });
      const deciding = await use(subject, grantId, grantId);
      await Promise.all([
        commitAll(storage, deciding, [token(grantId, round, { grantId })]),
        other.deleteByGrant(grantId, clock.now() + 60),
      ]);
      assertSame(await present(storage, [grantId]), []);
      assert.equal(await storage.get('Code', grantId), undefined);
    }
  },
};
