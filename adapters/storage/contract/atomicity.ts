import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import { inParallel, type Rules } from './subject.ts';

const CALLERS = 20;

/** Of callers at the same time, over both connections, exactly one wins. */
export const atomicity: Rules = {
  'one of parallel creates wins, and its value stands': async (subject) => {
    const won = await inParallel(subject, CALLERS, (store, caller) => store.create('Replay', 'a', { caller }));
    assert.equal(won.filter(Boolean).length, 1);
    assertSame((await subject.storage.get('Replay', 'a'))?.value, { caller: won.indexOf(true) });
  },

  'one of parallel creates over an expired record wins': async (subject) => {
    const { storage, clock } = subject;
    await storage.put('Replay', 'a', {}, { expiresAt: clock.now() + 60 });
    clock.advance(60);
    const won = await inParallel(subject, CALLERS, (store, caller) => store.create('Replay', 'a', { caller }));
    assert.equal(won.filter(Boolean).length, 1);
    assertSame((await storage.get('Replay', 'a'))?.value, { caller: won.indexOf(true) });
  },

  'one of parallel consumes wins, and its time stands': async (subject) => {
    const at = subject.clock.now();
    await subject.storage.put('Code', 'a', {});
    const results = await inParallel(subject, CALLERS, (store, caller) => store.consume('Code', 'a', at + caller));
    assert.equal(results.filter((result) => result === 'consumed').length, 1);
    assert.equal(results.filter((result) => result === 'already').length, CALLERS - 1);
    assert.equal((await subject.storage.get('Code', 'a'))?.consumedAt, at + results.indexOf('consumed'));
  },

  'one of parallel takes gets the record': async (subject) => {
    await subject.storage.put('Login', 'a', { n: 1 });
    const taken = await inParallel(subject, CALLERS, (store) => store.take('Login', 'a'));
    assertSame(
      taken.flatMap((record) => (record ? [record.value] : [])),
      [{ n: 1 }],
    );
  },

  'one of parallel replaces wins, and its value stands': async (subject) => {
    await subject.storage.put('Token', 'a', {});
    const version = (await subject.storage.get('Token', 'a'))?.version ?? '';
    const won = await inParallel(subject, CALLERS, (store, caller) => store.replace('Token', 'a', version, { caller }));
    assert.equal(won.filter(Boolean).length, 1);
    assertSame((await subject.storage.get('Token', 'a'))?.value, { caller: won.indexOf(true) });
  },

  'a counter built on replace loses no step': async (subject) => {
    const callers = 8;
    await subject.storage.put('Count', 'a', { n: 0 });
    await inParallel(subject, callers, async (store) => {
      // A caller loses only to one who won, so it has to try as often as there are callers, and never more.
      for (let attempt = 0; attempt < callers; attempt += 1) {
        const record = await store.get('Count', 'a');
        if (await store.replace('Count', 'a', record?.version ?? '', { n: Number(record?.value.n) + 1 })) return;
      }
    });
    assertSame((await subject.storage.get('Count', 'a'))?.value, { n: callers });
  },

  'a consumption is never lost to a replace at the same time': async (subject) => {
    for (let round = 0; round < CALLERS; round += 1) {
      await subject.storage.put('Code', 'a', {});
      const version = (await subject.storage.get('Code', 'a'))?.version ?? '';
      const [result] = await Promise.all([
        subject.storage.consume('Code', 'a', subject.clock.now()),
        subject.other.replace('Code', 'a', version, { round }),
      ]);
      assert.equal(result, 'consumed');
      assert.equal(await subject.storage.consume('Code', 'a', subject.clock.now()), 'already');
    }
  },

  'parallel puts leave one record and one index entry': async (subject) => {
    const wrote = await inParallel(subject, CALLERS, (store, caller) =>
      store.put('Client', 'a', { caller }, { index: { by: `caller ${caller}` } }),
    );
    assert.ok(wrote.every(Boolean));
    const { caller } = (await subject.storage.get('Client', 'a'))?.value ?? {};
    const found = await inParallel(subject, CALLERS, (store, i) =>
      store.find('Client', 'by', `caller ${i}`, { limit: 9 }),
    );
    assertSame(
      found.map((records) => records.map(({ id, value }) => [id, value.caller])),
      found.map((_, i) => (i === caller ? [['a', caller]] : [])),
    );
  },
};
