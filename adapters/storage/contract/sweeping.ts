import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** Sweeping frees room and is seen by no reader. */
export const sweeping: Rules = {
  'sweep removes expired rows, at most as many as asked for, and counts them': async (subject) => {
    const { storage, clock } = subject;
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await storage.put('Token', id, {}, { expiresAt: clock.now() + 60, grantId: 'g', index: { by: 'x' } });
    }
    await storage.put('Token', 'later', {}, { expiresAt: clock.now() + 120 });
    await storage.put('Token', 'never', {});
    clock.advance(60);
    const counts: number[] = [];
    for (let i = 0; i < 4; i += 1) counts.push(await storage.sweep(clock.now(), 2));
    assertSame(counts, subject.expiresByItself ? counts.map((count) => Math.min(count, 2)) : [2, 2, 1, 0]);
    assert.ok(await storage.get('Token', 'later'));
    assert.ok(await storage.get('Token', 'never'));
  },

  'sweep removes what had expired at the given time': async (subject) => {
    const { storage, clock } = subject;
    const start = clock.now();
    await storage.put('Token', 'a', {}, { expiresAt: start + 60 });
    await storage.put('Token', 'b', {}, { expiresAt: start + 120 });
    clock.advance(180);
    const counts = [
      await storage.sweep(start + 59.75, 9),
      await storage.sweep(start + 60, 9),
      await storage.sweep(start + 120, 9),
    ];
    if (!subject.expiresByItself) assertSame(counts, [0, 1, 1]);
    assert.equal(await storage.get('Token', 'b'), undefined);
  },

  'sweep removes nothing that is live, whatever time it is given': async ({ storage, clock }) => {
    await storage.put('Token', 'a', {}, { expiresAt: clock.now() + 60, index: { by: 'x' } });
    await storage.put('Token', 'b', {});
    await storage.increment('counter', 60);
    await storage.deleteByGrant('g', clock.now() + 60);
    assert.equal(await storage.sweep(clock.now() + 600, 99), 0);
    assert.equal((await storage.find('Token', 'by', 'x', { limit: 9 })).length, 1);
    assert.ok(await storage.get('Token', 'b'));
    assert.equal(await storage.increment('counter', 60), 2);
    assert.equal(await storage.put('Token', 'c', {}, { grantId: 'g' }), false);
  },

  'sweep leaves a record that was written again': async ({ storage, clock }) => {
    const short = { expiresAt: clock.now() + 60 };
    const long = { expiresAt: clock.now() + 600 };
    for (const id of ['put', 'create', 'replace']) await storage.put('Token', id, { n: 1 }, short);
    const version = (await storage.get('Token', 'replace'))?.version ?? '';
    await storage.replace('Token', 'replace', version, { n: 2 }, long);
    clock.advance(60);
    await storage.put('Token', 'put', { n: 2 });
    await storage.create('Token', 'create', { n: 2 }, long);
    await storage.sweep(clock.now(), 99);
    for (const id of ['put', 'create', 'replace']) assertSame((await storage.get('Token', id))?.value, { n: 2 }, id);
  },

  'records written after a sweep have nothing of the swept ones': async ({ storage, clock }) => {
    await storage.put('Token', 'a', {}, { expiresAt: clock.now() + 60, grantId: 'g', index: { by: 'x' } });
    clock.advance(60);
    await storage.sweep(clock.now(), 99);
    assert.equal(await storage.create('Token', 'a', { n: 2 }), true);
    assertSame(await storage.find('Token', 'by', 'x', { limit: 9 }), []);
    await storage.deleteByGrant('g', clock.now() + 60);
    assertSame((await storage.get('Token', 'a'))?.value, { n: 2 });
  },

  'expired counters and tombstones can be swept': async ({ storage, clock }) => {
    await storage.increment('counter', 60);
    await storage.deleteByGrant('g', clock.now() + 60);
    clock.advance(60);
    await storage.sweep(clock.now(), 99);
    assert.equal(await storage.increment('counter', 60), 1);
    assert.equal(await storage.put('Token', 'a', {}, { grantId: 'g' }), true);
  },
};
