import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** From `expiresAt` on a record is not there, for nobody, swept or not. */
export const expiry: Rules = {
  'a record is there until its expiry and not at it': async ({ storage, clock }) => {
    await storage.put('Token', 'a', {}, { expiresAt: clock.now() + 60 });
    clock.advance(59.75);
    assert.ok(await storage.get('Token', 'a'), 'it went too early');
    clock.advance(0.25);
    assert.equal(await storage.get('Token', 'a'), undefined);
  },

  'a record without expiry stays': async ({ storage, clock }) => {
    await storage.put('Client', 'a', {}, { index: { by: 'x' } });
    clock.advance(10 * 365 * 86_400);
    assert.ok(await storage.get('Client', 'a'));
    assert.equal((await storage.find('Client', 'by', 'x', { limit: 1 })).length, 1);
    assert.equal(await storage.consume('Client', 'a', clock.now()), 'consumed');
    assert.ok(await storage.take('Client', 'a'));
  },

  'an expired record is not consumed': async ({ storage, clock }) => {
    await storage.put('Code', 'a', {}, { expiresAt: clock.now() + 60 });
    clock.advance(60);
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'missing');
  },

  'an expired record that was consumed is missing': async ({ storage, clock }) => {
    await storage.put('Code', 'a', {}, { expiresAt: clock.now() + 60 });
    await storage.consume('Code', 'a', clock.now());
    clock.advance(60);
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'missing');
  },

  'an expired record is not taken': async ({ storage, clock }) => {
    await storage.put('Login', 'a', {}, { expiresAt: clock.now() + 60 });
    clock.advance(60);
    assert.equal(await storage.take('Login', 'a'), undefined);
  },

  'an expired record is not replaced': async ({ storage, clock }) => {
    await storage.put('Token', 'a', { n: 1 }, { expiresAt: clock.now() + 60 });
    const version = (await storage.get('Token', 'a'))?.version ?? '';
    clock.advance(60);
    assert.equal(await storage.replace('Token', 'a', version, { n: 2 }), false);
    assert.equal(await storage.get('Token', 'a'), undefined);
  },

  'an expired record is not found': async ({ storage, clock }) => {
    await storage.put('Token', 'a', {}, { expiresAt: clock.now() + 60, index: { by: 'x' } });
    clock.advance(60);
    assertSame(await storage.find('Token', 'by', 'x', { limit: 9 }), []);
  },

  'an expired record can be created again, with nothing left of the old one': async ({ storage, clock }) => {
    const old = { expiresAt: clock.now() + 60, grantId: 'old', index: { by: 'old' } };
    await storage.put('Code', 'a', { n: 1 }, old);
    await storage.consume('Code', 'a', clock.now());
    clock.advance(60);
    assert.equal(await storage.create('Code', 'a', { n: 2 }, { grantId: 'new', index: { by: 'new' } }), true);
    await storage.deleteByGrant('old', clock.now() + 60);
    assertSame(await storage.find('Code', 'by', 'old', { limit: 9 }), []);
    const record = await storage.get('Code', 'a');
    assertSame(record?.value, { n: 2 });
    assert.equal(record?.expiresAt, undefined);
    assert.equal(record?.consumedAt, undefined);
  },

  'put and replace move the expiry': async ({ storage, clock }) => {
    await storage.put('Session', 'a', {}, { expiresAt: clock.now() + 60 });
    await storage.put('Session', 'a', {}, { expiresAt: clock.now() + 120 });
    clock.advance(90);
    const record = await storage.get('Session', 'a');
    assert.ok(record, 'put did not move it');
    await storage.replace('Session', 'a', record.version, {}, { expiresAt: clock.now() + 60 });
    clock.advance(59.75);
    assert.ok(await storage.get('Session', 'a'), 'replace did not move it');
    clock.advance(0.25);
    assert.equal(await storage.get('Session', 'a'), undefined);
  },

  'a record that is replaced by one that has expired is gone at once': async ({ storage }) => {
    await storage.put('Lease', 'a', { holder: 'one' }, { expiresAt: 4e9 });
    const { version = '' } = (await storage.get('Lease', 'a')) ?? {};
    assert.equal(await storage.replace('Lease', 'a', version, {}, { expiresAt: 0 }), true);
    assert.equal(await storage.get('Lease', 'a'), undefined);
    assert.equal(await storage.replace('Lease', 'a', version, {}, { expiresAt: 0 }), false);
    assert.equal(await storage.create('Lease', 'a', { holder: 'two' }), true);
    assertSame((await storage.get('Lease', 'a'))?.value, { holder: 'two' });
  },

  'consumption leaves the expiry as it was': async ({ storage, clock }) => {
    const expiresAt = clock.now() + 60;
    await storage.put('Code', 'a', {}, { expiresAt });
    await storage.consume('Code', 'a', clock.now());
    assert.equal((await storage.get('Code', 'a'))?.expiresAt, expiresAt);
    clock.advance(60);
    assert.equal(await storage.get('Code', 'a'), undefined);
  },
};
