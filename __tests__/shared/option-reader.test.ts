import { describe, expect, test } from '@jest/globals';
import { kindOf, nearestName, readOptions, readRequiredOptions } from '../../lib/shared/option-reader.ts';

describe('the nearest name', () => {
  const known = ['accessTokenTtlSeconds', 'refreshTokenTtlSeconds', 'cimdEnabled', 'url', 'scope'];

  test.each([
    ['a letter left out', 'acessTokenTtlSeconds', 'accessTokenTtlSeconds'],
    ['a letter added', 'scopes', 'scope'],
    ['a letter replaced', 'cimdEnabied', 'cimdEnabled'],
    ['letters swapped', 'cmidEnabled', 'cimdEnabled'],
    ['another case', 'CIMDENABLED', 'cimdEnabled'],
    ['its unit in the singular', 'accessTokenTtlSecond', 'accessTokenTtlSeconds'],
    ['two letters of a short name', 'ul', 'url'],
  ])('with %s is found', (_what, wrong, meant) => {
    expect(nearestName(wrong, known)).toBe(meant);
  });

  test.each([
    ['nothing in common', 'telemetry'],
    ['a name far longer than all', 'cimdEnabledForEveryClientOfTheCompany'],
  ])('is not guessed for %s', (_what, wrong) => {
    expect(nearestName(wrong, known)).toBeUndefined();
  });

  test('is none where no name is known', () => {
    expect(nearestName('url', [])).toBeUndefined();
  });
});

test('the kind of a value says nothing of the value', () => {
  const values = [null, undefined, [1], {}, '', 'secret', 0, Number.NaN, true, () => 1, 1n];
  expect(values.map(kindOf)).toEqual([
    'null',
    'undefined',
    'array',
    'object',
    'empty string',
    'string',
    'number',
    'number',
    'boolean',
    'function',
    'bigint',
  ]);
});

describe('a reader', () => {
  test('collects the problems of nested objects and lists under their dotted paths', () => {
    const reader = readOptions({ group: { nmae: 1, size: 'x' }, list: [{}, { nam: 1 }, null], extra: 1 }, [
      'group',
      'list',
    ]);
    reader.group('group', ['name', 'size']).integer('size', { min: 1, max: 2, fallback: 1 });
    reader.groups('list', ['name']);
    expect(reader.problems).toEqual([
      { option: 'extra', message: 'is not an option; known here: group, list' },
      { option: 'group.nmae', message: 'is not an option; did you mean group.name?' },
      { option: 'group.size', message: 'must be an integer from 1 to 2, got string' },
      { option: 'list[1].nam', message: 'is not an option; did you mean list[1].name?' },
      { option: 'list[2]', message: 'must be an object, got null' },
    ]);
  });

  test.each([
    ['an array', [], 'array'],
    ['text', 'abc', 'string'],
    ['null', null, 'null'],
  ])('takes %s for no options object', (_what, source, kind) => {
    expect(readOptions(source, ['a']).problems).toEqual([
      { option: 'options', message: `must be an object, got ${kind}` },
    ]);
  });

  test('takes absent options for none, unless they are required', () => {
    expect(readOptions(undefined, ['a']).problems).toEqual([]);
    expect(readRequiredOptions(undefined, ['a']).problems).toEqual([
      { option: 'options', message: 'must be an object, got undefined' },
    ]);
  });

  test('reads own members only, so that a polluted prototype is no option', () => {
    const polluted = Object.create({ name: 'inherited', other: 1 });
    const reader = readOptions(polluted, ['name']);
    expect(reader.string('name')).toBeUndefined();
    expect(reader.has('name')).toBe(false);
    expect(reader.problems).toEqual([]);
  });

  test.each([
    [1, undefined],
    [10, undefined],
    [0, 'must be an integer from 1 to 10, got another number'],
    [11, 'must be an integer from 1 to 10, got another number'],
    [1.5, 'must be an integer from 1 to 10, got another number'],
    [Number.NaN, 'must be an integer from 1 to 10, got another number'],
    [Number.POSITIVE_INFINITY, 'must be an integer from 1 to 10, got another number'],
    ['5', 'must be an integer from 1 to 10, got string'],
    [null, 'must be an integer from 1 to 10, got null'],
    [5n, 'must be an integer from 1 to 10, got bigint'],
  ])('holds the integer %p to its range', (value, message) => {
    const reader = readOptions({ size: value }, ['size']);
    const read = reader.integer('size', { min: 1, max: 10, fallback: 7 });
    expect(reader.problems).toEqual(message === undefined ? [] : [{ option: 'size', message }]);
    expect(read).toBe(message === undefined ? value : 7);
  });

  test('gives the fallback for what is absent and never for what is false or zero', () => {
    const reader = readOptions({ flag: false, count: 0 }, ['flag', 'count', 'other']);
    expect(reader.boolean('flag', true)).toBe(false);
    expect(reader.integer('count', { min: 0, max: 1, fallback: 1 })).toBe(0);
    expect(reader.boolean('other', true)).toBe(true);
    expect(reader.problems).toEqual([]);
  });

  test('copies a list, so that the caller cannot change it afterwards', () => {
    const given = ['a', 'b'];
    const read = readOptions({ names: given }, ['names']).strings('names');
    given.push('c');
    expect(read).toEqual(['a', 'b']);
  });

  test.each([
    ['a number for a boolean', 'boolean', 'must be a boolean, got number'],
    ['a number for text', 'string', 'must be a non-empty string, got number'],
    ['a number for a function', 'fn', 'must be a function, got number'],
    ['a number for a list', 'strings', 'must be an array of non-empty strings, got number'],
  ] as const)('refuses %s', (_what, method, message) => {
    const reader = readOptions({ it: 5 }, ['it']);
    if (method === 'boolean') reader.boolean('it', false);
    else reader[method]('it');
    expect(reader.problems).toEqual([{ option: 'it', message }]);
  });
});
