import assert from 'node:assert/strict';
import type { Storage } from '../../../lib/storage/storage.ts';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** Every id of an index entry, read page by page; a page that is not full is the last one. */
async function walk(storage: Storage, value: string, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const after = ids.at(-1);
    const page = await storage.find('Client', 'by', value, { limit, ...(after !== undefined && { after }) });
    assert.ok(page.length <= limit, 'a page holds more than was asked for');
    assert.ok(after === undefined || !page.some(({ id }) => ids.includes(id)), 'a page holds an id of an earlier one');
    ids.push(...page.map(({ id }) => id));
    if (page.length < limit) return ids;
  }
}

/** Records are found by what was written beside them. */
export const search: Rules = {
  'find returns whole records': async ({ storage, clock }) => {
    const at = clock.now();
    await storage.put('Client', 'a', { name: 'A' }, { expiresAt: at + 60, index: { by: 'x' } });
    await storage.consume('Client', 'a', at);
    const record = await storage.get('Client', 'a');
    assert.ok(record);
    assertSame(await storage.find('Client', 'by', 'x', { limit: 9 }), [{ id: 'a', ...record }]);
  },

  'find looks at kind, name and value': async ({ storage }) => {
    await storage.put('Client', 'a', {}, { index: { by: 'x', for: 'y' } });
    assertSame(await storage.find('Token', 'by', 'x', { limit: 9 }), []);
    assertSame(await storage.find('Client', 'by', 'y', { limit: 9 }), []);
    assertSame(await storage.find('Client', 'for', 'x', { limit: 9 }), []);
    assert.equal((await storage.find('Client', 'for', 'y', { limit: 9 })).length, 1);
  },

  'find goes by ascending id, in byte order, page by page': async ({ storage }) => {
    const ids = ['b', 'a', 'B', 'A', '_', '-', '~', '10', '9', 'a-b', 'aa', 'ab', 'a b', 'Z', 'z', ':', '/'];
    for (const id of ids) await storage.put('Client', id, {}, { index: { by: 'x' } });
    await storage.put('Client', 'stranger', {}, { index: { by: 'y' } });
    const sorted = ids.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const limit of [1, 3, ids.length, 100]) assertSame(await walk(storage, 'x', limit), sorted);
  },

  'find begins after an id that is no longer there': async ({ storage }) => {
    for (const id of ['a', 'b', 'c']) await storage.put('Client', id, {}, { index: { by: 'x' } });
    await storage.delete('Client', 'b');
    const page = await storage.find('Client', 'by', 'x', { limit: 9, after: 'b' });
    assertSame(
      page.map(({ id }) => id),
      ['c'],
    );
    assertSame(await storage.find('Client', 'by', 'x', { limit: 9, after: 'c' }), []);
  },

  'records that are gone take no place in a page': async ({ storage, clock }) => {
    for (const id of ['a', 'c', 'd', 'f']) {
      await storage.put('Client', id, {}, { index: { by: 'x' }, expiresAt: clock.now() + 60 });
    }
    for (const id of ['b', 'e', 'g']) await storage.put('Client', id, {}, { index: { by: 'x' } });
    clock.advance(60);
    assertSame(await walk(storage, 'x', 2), ['b', 'e', 'g']);
  },

  'deleted and taken records are not found': async ({ storage, clock }) => {
    for (const id of ['a', 'b', 'c', 'd']) {
      await storage.put('Client', id, {}, { index: { by: 'x' }, ...(id === 'c' && { grantId: 'g' }) });
    }
    await storage.delete('Client', 'a');
    await storage.take('Client', 'b');
    await storage.deleteByGrant('g', clock.now() + 60);
    assertSame(await walk(storage, 'x', 9), ['d']);
    await storage.put('Client', 'a', {});
    assertSame(await walk(storage, 'x', 9), ['d'], 'an old index entry came back');
  },

  'put and replace write the index anew': async ({ storage }) => {
    await storage.put('Client', 'a', {}, { index: { by: 'x' } });
    await storage.put('Client', 'a', {}, { index: { by: 'y' } });
    assertSame(await walk(storage, 'x', 9), []);
    assertSame(await walk(storage, 'y', 9), ['a']);
    const version = async () => (await storage.get('Client', 'a'))?.version ?? '';
    await storage.replace('Client', 'a', await version(), {}, { index: { by: 'z' } });
    assertSame(await walk(storage, 'y', 9), []);
    assertSame(await walk(storage, 'z', 9), ['a']);
    await storage.replace('Client', 'a', await version(), {});
    assertSame(await walk(storage, 'z', 9), [], 'a replace without index left an entry');
    await storage.put('Client', 'a', {}, { index: { by: 'x' } });
    assertSame(await walk(storage, 'x', 9), ['a']);
  },

  'a write that loses leaves the index as it was': async ({ storage }) => {
    await storage.put('Client', 'a', {}, { index: { by: 'x' } });
    await storage.create('Client', 'a', {}, { index: { by: 'y' } });
    await storage.replace('Client', 'a', 'another version', {}, { index: { by: 'y' } });
    assertSame(await walk(storage, 'x', 9), ['a']);
    assertSame(await walk(storage, 'y', 9), []);
  },
};
