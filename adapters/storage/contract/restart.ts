import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** What was answered stays answered. Only for stores that say they outlive a restart, by `reopen`. */
export const restart: Rules = {
  'records, consumption and index survive a restart': async ({ storage, reopen, clock }) => {
    if (!reopen) return;
    await storage.put('Code', 'a', { text: 'é👩‍👩‍👧‍👦' }, { expiresAt: clock.now() + 60, index: { by: 'x' } });
    await storage.consume('Code', 'a', clock.now());
    await storage.put('Client', 'b', { n: 1 });
    await storage.take('Client', 'b');
    const before = await storage.get('Code', 'a');
    const reopened = await reopen();
    assert.ok(before);
    assertSame(await reopened.get('Code', 'a'), before);
    assertSame(await reopened.find('Code', 'by', 'x', { limit: 9 }), [{ id: 'a', ...before }]);
    assert.equal(await reopened.consume('Code', 'a', clock.now()), 'already');
    assert.equal(await reopened.create('Code', 'a', {}), false);
    assert.equal(await reopened.get('Client', 'b'), undefined);
    assert.equal(await reopened.replace('Code', 'a', before.version, { n: 2 }), true);
  },

  'grants and tombstones survive a restart': async ({ storage, reopen, clock }) => {
    if (!reopen) return;
    await storage.put('Token', 'a', {}, { grantId: 'living' });
    await storage.deleteByGrant('dead', clock.now() + 60);
    const reopened = await reopen();
    assert.equal(await reopened.put('Token', 'b', {}, { grantId: 'dead' }), false);
    await reopened.deleteByGrant('living', clock.now() + 60);
    assert.equal(await reopened.get('Token', 'a'), undefined);
    clock.advance(60);
    assert.equal(await reopened.put('Token', 'b', {}, { grantId: 'dead' }), true);
  },

  'counters survive a restart': async ({ storage, reopen, clock }) => {
    if (!reopen) return;
    await storage.increment('a', 60);
    clock.advance(30);
    const reopened = await reopen();
    assert.equal(await reopened.increment('a', 60), 2);
    clock.advance(30);
    assert.equal(await reopened.increment('a', 60), 1);
  },
};
