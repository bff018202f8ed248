import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** What one caller sees of one record. */
export const records: Rules = {
  'get finds what put wrote': async ({ storage, clock }) => {
    const expiresAt = clock.now() + 60;
    assert.equal(await storage.put('Token', 'a', { scope: 'read' }, { expiresAt }), true);
    const record = await storage.get('Token', 'a');
    assertSame(record?.value, { scope: 'read' });
    assert.equal(record?.expiresAt, expiresAt);
    assert.equal(record?.consumedAt, undefined);
    assert.equal(typeof record?.version, 'string');
  },

  'get finds nothing where nothing was written': async ({ storage }) => {
    await storage.put('Token', 'a', { n: 1 });
    assert.equal(await storage.get('Token', 'b'), undefined);
    assert.equal(await storage.get('Code', 'a'), undefined);
  },

  'put overwrites, with its own expiry or none': async ({ storage, clock }) => {
    await storage.put('Token', 'a', { n: 1 }, { expiresAt: clock.now() + 60 });
    assert.equal(await storage.put('Token', 'a', { m: 2 }), true);
    const record = await storage.get('Token', 'a');
    assertSame(record?.value, { m: 2 });
    assert.equal(record?.expiresAt, undefined);
  },

  'create writes where no record is': async ({ storage, clock }) => {
    const expiresAt = clock.now() + 60;
    assert.equal(await storage.create('Token', 'a', { n: 1 }, { expiresAt }), true);
    const record = await storage.get('Token', 'a');
    assertSame(record?.value, { n: 1 });
    assert.equal(record?.expiresAt, expiresAt);
  },

  'create leaves a record that is there alone': async ({ storage }) => {
    await storage.put('Token', 'a', { n: 1 });
    const before = await storage.get('Token', 'a');
    assert.equal(await storage.create('Token', 'a', { n: 2 }), false);
    assertSame(await storage.get('Token', 'a'), before);
  },

  'create writes again after delete and after take': async ({ storage }) => {
    await storage.create('Token', 'a', { n: 1 });
    await storage.delete('Token', 'a');
    assert.equal(await storage.create('Token', 'a', { n: 2 }), true);
    await storage.take('Token', 'a');
    assert.equal(await storage.create('Token', 'a', { n: 3 }), true);
  },

  'consume marks a record once and keeps the first time': async ({ storage, clock }) => {
    const at = clock.now() + 0.25;
    await storage.put('Code', 'a', { n: 1 });
    assert.equal(await storage.consume('Code', 'a', at), 'consumed');
    assert.equal(await storage.consume('Code', 'a', at + 1), 'already');
    const record = await storage.get('Code', 'a');
    assert.equal(record?.consumedAt, at);
    assertSame(record?.value, { n: 1 });
  },

  'consume tells a missing record from a consumed one': async ({ storage, clock }) => {
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'missing');
    await storage.put('Code', 'a', {});
    await storage.delete('Code', 'a');
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'missing');
    assert.equal(await storage.get('Code', 'a'), undefined);
  },

  'put resets consumption': async ({ storage, clock }) => {
    await storage.put('Code', 'a', { n: 1 });
    await storage.consume('Code', 'a', clock.now());
    await storage.put('Code', 'a', { n: 2 });
    assert.equal((await storage.get('Code', 'a'))?.consumedAt, undefined);
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'consumed');
  },

  'take returns the record and deletes it': async ({ storage, clock }) => {
    const at = clock.now();
    await storage.put('Login', 'a', { n: 1 }, { expiresAt: at + 60 });
    await storage.consume('Login', 'a', at);
    const before = await storage.get('Login', 'a');
    assertSame(await storage.take('Login', 'a'), before);
    assert.equal(await storage.get('Login', 'a'), undefined);
    assert.equal(await storage.take('Login', 'a'), undefined);
  },

  'replace writes where the version is the expected one': async ({ storage, clock }) => {
    await storage.put('Token', 'a', { n: 1 }, { expiresAt: clock.now() + 60 });
    const before = await storage.get('Token', 'a');
    assert.ok(before);
    assert.equal(await storage.replace('Token', 'a', before.version, { m: 2 }), true);
    const after = await storage.get('Token', 'a');
    assertSame(after?.value, { m: 2 });
    assert.equal(after?.expiresAt, undefined, 'the expiry is the one of the replacement');
    assert.equal(await storage.replace('Token', 'a', before.version, { n: 3 }), false);
    assertSame(await storage.get('Token', 'a'), after);
  },

  'replace writes nothing where no record is': async ({ storage }) => {
    await storage.put('Token', 'a', { n: 1 });
    const record = await storage.take('Token', 'a');
    assert.ok(record);
    assert.equal(await storage.replace('Token', 'a', record.version, { n: 2 }), false);
    assert.equal(await storage.get('Token', 'a'), undefined);
  },

  'replace keeps consumption, and consumption keeps the version': async ({ storage, clock }) => {
    const at = clock.now();
    await storage.put('Token', 'a', { n: 1 });
    const before = await storage.get('Token', 'a');
    assert.ok(before);
    await storage.consume('Token', 'a', at);
    assert.equal(await storage.replace('Token', 'a', before.version, { n: 2 }), true);
    assert.equal((await storage.get('Token', 'a'))?.consumedAt, at);
    assert.equal(await storage.consume('Token', 'a', at + 1), 'already');
  },

  'every write makes a version that the record never had': async ({ storage }) => {
    const seen: string[] = [];
    const note = async () => seen.push((await storage.get('Token', 'a'))?.version ?? 'none');
    await storage.put('Token', 'a', { n: 1 });
    await note();
    await storage.put('Token', 'a', { n: 1 });
    await note();
    await storage.replace('Token', 'a', seen[1] ?? '', { n: 1 });
    await note();
    await storage.delete('Token', 'a');
    await storage.create('Token', 'a', { n: 1 });
    await note();
    await storage.take('Token', 'a');
    await storage.put('Token', 'a', { n: 1 });
    await note();
    assert.equal(new Set(seen).size, 5, `versions were ${seen.join(', ')}`);
  },

  'delete removes one record and is content where none is': async ({ storage }) => {
    await storage.put('Token', 'a', { n: 1 });
    await storage.put('Token', 'b', { n: 2 });
    await storage.delete('Token', 'a');
    await storage.delete('Token', 'a');
    assert.equal(await storage.get('Token', 'a'), undefined);
    assertSame((await storage.get('Token', 'b'))?.value, { n: 2 });
  },

  'another connection sees what was written': async ({ storage, other, clock }) => {
    await storage.put('Code', 'a', { n: 1 });
    assert.equal(await other.consume('Code', 'a', clock.now()), 'consumed');
    assertSame(await storage.get('Code', 'a'), await other.get('Code', 'a'));
    assert.equal(await storage.consume('Code', 'a', clock.now()), 'already');
  },

  'ping resolves': async ({ storage, other }) => {
    await assert.doesNotReject(storage.ping());
    await assert.doesNotReject(other.ping());
  },
};
