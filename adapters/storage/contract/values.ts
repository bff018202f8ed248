import assert from 'node:assert/strict';
import { assertSame } from './assert-same.ts';
import type { Rules } from './subject.ts';

/** Names that a store must not take apart, escape wrongly or look up on an object's prototype. */
const ODD_NAMES = [
  'x'.repeat(200),
  'https://mcp.example.com/:a/b?c=%2F#d',
  `it's "quoted" \`here\` \\ there`,
  '%',
  '_',
  '*',
  '{tag}',
  '[a-z]',
  ' ',
  'a  b',
  'null',
  '0',
  '__proto__',
  'constructor',
  'hasOwnProperty',
];

const ODD_VALUES: { readonly [what: string]: { readonly [member: string]: unknown } } = {
  'nothing at all': {},
  'empty strings, null, true and false': { '': '', text: '', nothing: null, yes: true, no: false },
  numbers: { zero: 0, negative: -1.5, tenth: 0.1, large: Number.MAX_SAFE_INTEGER, huge: 1e21, tiny: 5e-7 },
  nested: { list: [1, [2, [], {}], { deep: { deeper: [null] } }], object: { a: { b: { c: {} } } } },
  unicode: {
    emoji: '👩‍👩‍👧‍👦 🏳️‍🌈',
    accents: 'é e\u0301',
    right: 'שלום',
    wide: '漢字',
    separators: '\u2028\u2029\ufeff',
  },
  'control characters': { text: '\u0001\u001f\u007f\t\r\n\b\f', quotes: `\\ " ' \` $1 :a ? %s ;--` },
  'texts that look like something else': {
    json: '{"a":1}',
    number: '12',
    date: '2026-07-28T00:00:00.000Z',
    nil: 'null',
  },
  'unicode member names': { ключ: 1, '🔑': 2, 'a.b': 3, 'a"b': 4 },
  '200 KB': { text: 'é'.repeat(100_000), list: Array.from({ length: 2_000 }, (_, i) => i) },
};

/** Values come back as they were, and belong to the caller. */
export const values: Rules = {
  'values come back as they were written': async ({ storage, other }) => {
    for (const [what, value] of Object.entries(ODD_VALUES)) {
      await storage.put('Value', 'put', value);
      assertSame((await other.get('Value', 'put'))?.value, value, `${what}, by put`);
      await storage.delete('Value', 'create');
      await storage.create('Value', 'create', value, { index: { by: 'x' } });
      assertSame((await other.find('Value', 'by', 'x', { limit: 1 }))[0]?.value, value, `${what}, by create and find`);
      const version = (await storage.get('Value', 'create'))?.version ?? '';
      await storage.replace('Value', 'create', version, { ...value, again: 1 });
      assertSame((await other.take('Value', 'create'))?.value, { ...value, again: 1 }, `${what}, by replace and take`);
    }
  },

  'a member named __proto__ is a member like others': async ({ storage }) => {
    const json = '{"__proto__":{"admin":true},"inner":{"__proto__":{"admin":true}}}';
    await storage.put('Value', 'a', JSON.parse(json));
    const value = (await storage.get('Value', 'a'))?.value as Record<string, object>;
    assert.ok(Object.hasOwn(value, '__proto__'), 'it was lost');
    assert.ok(Object.hasOwn(value.inner ?? {}, '__proto__'), 'the inner one was lost');
    for (const object of [value, value.inner, {}]) assert.equal((object as { admin?: unknown }).admin, undefined);
  },

  'ids and kinds are any text, never taken apart': async ({ storage, other, clock }) => {
    for (const name of ODD_NAMES) {
      assert.equal(await storage.get(name, name), undefined, name);
      assert.equal(await storage.create(name, name, { name }), true, name);
      assert.equal(await storage.create('Token', name, { name }), true, name);
      assert.equal(await storage.create(name, 'Token', { name }), true, name);
    }
    for (const name of ODD_NAMES) {
      assertSame((await other.get(name, name))?.value, { name });
      assert.equal(await other.consume('Token', name, clock.now()), 'consumed', name);
      assertSame((await other.take(name, 'Token'))?.value, { name });
      await other.delete(name, name);
      assert.equal(await storage.get(name, name), undefined, name);
    }
  },

  'kind and id are two things': async ({ storage }) => {
    for (const separator of [':', '/', '|', '.', '-', ' ', ',', '\\', '::']) {
      await storage.put(`a${separator}b`, 'c', { n: 1 });
      assert.equal(await storage.get('a', `b${separator}c`), undefined, `separator ${separator}`);
      assert.equal(await storage.create('a', `b${separator}c`, { n: 2 }), true, `separator ${separator}`);
    }
  },

  'grants, index entries and counters have any name': async ({ storage, other, clock }) => {
    for (const name of ODD_NAMES) {
      await storage.put('Grant', name, {}, { grantId: name, index: { [name]: name } });
      assertSame(
        (await other.find('Grant', name, name, { limit: 9 })).map(({ id }) => id),
        [name],
      );
      assert.equal(await storage.increment(name, 60), 1, name);
    }
    for (const name of ODD_NAMES) {
      await storage.deleteByGrant(name, clock.now() + 60);
      assert.equal(await other.get('Grant', name), undefined, name);
    }
  },

  'an index value is any text, in a name of its own': async ({ storage }) => {
    const texts = ['user@example.com', 'é👩‍👩‍👧‍👦', 'b:c', '', 'A', 'a', 'x'.repeat(500)];
    for (const [i, text] of texts.entries())
      await storage.put('User', `id-${i}`, {}, { index: { by: text, other: 'b' } });
    for (const [i, text] of texts.entries()) {
      assertSame(
        (await storage.find('User', 'by', text, { limit: 9 })).map(({ id }) => id),
        [`id-${i}`],
      );
    }
    assertSame(await storage.find('User', 'by:b', 'c', { limit: 9 }), []);
    assertSame(await storage.find('User', 'by', 'b', { limit: 9 }), []);
  },

  'what a caller changes in a value does not reach the store': async ({ storage }) => {
    const value = { list: [1], inner: { n: 1 } };
    const index = { by: 'x' };
    await storage.put('Value', 'a', value, { index });
    value.list.push(2);
    value.inner.n = 2;
    index.by = 'y';
    assertSame((await storage.get('Value', 'a'))?.value, { list: [1], inner: { n: 1 } });
    for (const read of [
      () => storage.get('Value', 'a'),
      async () => (await storage.find('Value', 'by', 'x', { limit: 1 }))[0],
    ]) {
      const record = await read();
      assert.ok(record);
      record.value.added = true;
      (record.value.inner as { n: number }).n = 3;
      assertSame((await read())?.value, { list: [1], inner: { n: 1 } });
    }
    await storage.put('Value', 'a', {});
    assertSame(await storage.find('Value', 'by', 'x', { limit: 1 }), []);
  },
};
