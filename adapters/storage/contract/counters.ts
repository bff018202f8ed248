import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import { inParallel, type Rules } from './subject.ts';

const CALLERS = 20;
const STEPS = Array.from({ length: CALLERS }, (_, i) => i + 1);

/** Counters count every call, in windows. */
export const counters: Rules = {
  'increment counts each key by itself': async ({ storage, other }) => {
    assert.equal(await storage.increment('a', 60), 1);
    assert.equal(await other.increment('a', 60), 2);
    assert.equal(await storage.increment('b', 60), 1);
    assert.equal(await storage.increment('a', 60), 3);
  },

  'a window opens with the first call and is not prolonged by later ones': async ({ storage, clock }) => {
    assert.equal(await storage.increment('a', 60), 1);
    clock.advance(59.75);
    assert.equal(await storage.increment('a', 600), 2);
    clock.advance(0.25);
    assert.equal(await storage.increment('a', 30), 1, 'the window did not end');
    clock.advance(29.75);
    assert.equal(await storage.increment('a', 30), 2, 'the second window did not last');
    clock.advance(0.25);
    assert.equal(await storage.increment('a', 30), 1);
  },

  'parallel increments are counted one by one': async (subject) => {
    const counts = await inParallel(subject, CALLERS, (store) => store.increment('a', 60));
    assertSame(
      counts.toSorted((a, b) => a - b),
      STEPS,
    );
  },

  'parallel increments over an expired window open one new window': async (subject) => {
    await inParallel(subject, 3, (store) => store.increment('a', 60));
    subject.clock.advance(60);
    const counts = await inParallel(subject, CALLERS, (store) => store.increment('a', 60));
    assertSame(
      counts.toSorted((a, b) => a - b),
      STEPS,
    );
  },

  'a counter and a record of one name are two things': async ({ storage }) => {
    await storage.put('a', 'a', { n: 1 }, { grantId: 'a' });
    assert.equal(await storage.increment('a', 60), 1);
    assertSame((await storage.get('a', 'a'))?.value, { n: 1 });
  },
};
