import assert from 'node:assert/strict';
import type { Storage } from '../../../lib/storage/storage.ts';
import { assertSame } from './assert-same.ts';
import { inParallel, type Rules } from './subject.ts';

/** A grant that was deleted takes its records with it, those on their way too. */
export const grants: Rules = {
  'deleteByGrant deletes the records of one grant, of every kind': async ({ storage, clock }) => {
    const index = { by: 'x' };
    await storage.put('Token', 'a', {}, { grantId: 'g', index });
    await storage.create('Code', 'a', {}, { grantId: 'g', index });
    await storage.put('Token', 'b', {}, { grantId: 'h', index });
    await storage.put('Token', 'c', {}, { index });
    await storage.deleteByGrant('g', clock.now() + 60);
    assert.equal(await storage.get('Token', 'a'), undefined);
    assert.equal(await storage.take('Code', 'a'), undefined);
    assert.equal(await storage.consume('Token', 'a', clock.now()), 'missing');
    assertSame(await storage.find('Code', 'by', 'x', { limit: 9 }), []);
    assertSame(
      (await storage.find('Token', 'by', 'x', { limit: 9 })).map(({ id }) => id),
      ['b', 'c'],
    );
  },

  'a record belongs to the grant of its last write': async ({ storage, clock }) => {
    await storage.put('Token', 'moved', { n: 1 }, { grantId: 'g' });
    await storage.put('Token', 'moved', { n: 2 }, { grantId: 'h' });
    await storage.put('Token', 'freed', { n: 1 }, { grantId: 'g' });
    await storage.put('Token', 'freed', { n: 2 });
    await storage.put('Token', 'bound', { n: 1 });
    const version = (await storage.get('Token', 'bound'))?.version ?? '';
    await storage.replace('Token', 'bound', version, { n: 2 }, { grantId: 'g' });
    await storage.consume('Token', 'bound', clock.now());
    await storage.deleteByGrant('g', clock.now() + 60);
    assertSame((await storage.get('Token', 'moved'))?.value, { n: 2 });
    assertSame((await storage.get('Token', 'freed'))?.value, { n: 2 });
    assert.equal(await storage.get('Token', 'bound'), undefined);
  },

  'no write names a deleted grant until its tombstone expires': async ({ storage, other, clock }) => {
    await storage.put('Token', 'mine', { n: 1 }, { grantId: 'h' });
    const before = await storage.get('Token', 'mine');
    assert.ok(before);
    await storage.deleteByGrant('g', clock.now() + 60);
    const attempts = (store: Storage) => [
      store.put('Token', 'a', {}, { grantId: 'g' }),
      store.create('Token', 'b', {}, { grantId: 'g' }),
      store.put('Token', 'mine', { n: 2 }, { grantId: 'g' }),
      store.replace('Token', 'mine', before.version, { n: 2 }, { grantId: 'g' }),
    ];
    assertSame(await Promise.all([...attempts(storage), ...attempts(other)]), Array(8).fill(false));
    clock.advance(59.75);
    assertSame(await Promise.all(attempts(other)), Array(4).fill(false));
    assert.equal(await storage.get('Token', 'a'), undefined);
    assert.equal(await storage.get('Token', 'b'), undefined);
    assertSame(await storage.get('Token', 'mine'), before, 'a refused write changed the record');
    clock.advance(0.25);
    assert.equal(await storage.put('Token', 'a', {}, { grantId: 'g' }), true);
    assert.equal(await storage.create('Token', 'b', {}, { grantId: 'g' }), true);
    assert.equal(await storage.replace('Token', 'mine', before.version, { n: 2 }, { grantId: 'g' }), true);
  },

  'writes to other grants and to none go on': async ({ storage, clock }) => {
    await storage.deleteByGrant('g', clock.now() + 60);
    assert.equal(await storage.put('Token', 'a', {}, { grantId: 'h' }), true);
    assert.equal(await storage.put('Token', 'b', {}), true);
    assert.equal(await storage.create('Token', 'c', {}, { grantId: 'G' }), true);
  },

  'a second deleteByGrant prolongs the tombstone and never shortens it': async ({ storage, clock }) => {
    await storage.deleteByGrant('g', clock.now() + 60);
    await storage.deleteByGrant('g', clock.now() + 120);
    await storage.deleteByGrant('g', clock.now() + 90);
    clock.advance(119.75);
    assert.equal(await storage.put('Token', 'a', {}, { grantId: 'g' }), false);
    clock.advance(0.25);
    assert.equal(await storage.put('Token', 'a', {}, { grantId: 'g' }), true);
  },

  'a grant is deleted again after its tombstone expired': async ({ storage, clock }) => {
    await storage.deleteByGrant('g', clock.now() + 60);
    clock.advance(60);
    await storage.put('Token', 'a', {}, { grantId: 'g' });
    await storage.deleteByGrant('g', clock.now() + 60);
    assert.equal(await storage.get('Token', 'a'), undefined);
    assert.equal(await storage.create('Token', 'a', {}, { grantId: 'g' }), false);
  },

  'nothing survives that was written while its grant was deleted': async (subject) => {
    const { storage, other, clock } = subject;
    const options = { grantId: 'g', index: { by: 'x' } };
    const versions = await inParallel(subject, 10, async (store, i) => {
      await store.put('Token', `replace ${i}`, {}, options);
      return (await store.get('Token', `replace ${i}`))?.version ?? '';
    });
    const write = (store: Storage, i: number) => {
      if (i % 5 === 0) return store.replace('Token', `replace ${i / 5}`, versions[i / 5] ?? '', {}, options);
      return i % 2 === 0
        ? store.put('Token', `put ${i}`, {}, options)
        : store.create('Token', `create ${i}`, {}, options);
    };
    const early = inParallel(subject, 25, write);
    const deletion = other.deleteByGrant('g', clock.now() + 60);
    const late = inParallel(subject, 25, (store, i) => write(store, i + 25));
    await Promise.all([early, deletion, late]);

    const ids = Array.from({ length: 50 }, (_, i) => [`put ${i}`, `create ${i}`, `replace ${i}`]).flat();
    const left = await inParallel(subject, ids.length, (store, i) => store.get('Token', ids[i] ?? ''));
    assert.equal(left.filter(Boolean).length, 0);
    assertSame(await storage.find('Token', 'by', 'x', { limit: 99 }), []);
    const later = await inParallel(subject, 50, write);
    assert.equal(later.filter(Boolean).length, 0, 'a write after the deletion succeeded');
  },
};
