import { expect, test } from '@jest/globals';
import { fromRawHeaders, toRawHeaders, valuesOf } from '../../lib/shared/header-list.ts';

test('headers keep order, spelling and repetition on their way to pairs and back', () => {
  const raw = ['Host', 'a', 'COOKIE', 'b=1', 'cookie', 'c=2', 'X-Empty', ''];
  expect(fromRawHeaders(raw)).toEqual([
    ['Host', 'a'],
    ['COOKIE', 'b=1'],
    ['cookie', 'c=2'],
    ['X-Empty', ''],
  ]);
  expect(toRawHeaders(fromRawHeaders(raw))).toEqual(raw);
});

test('a name without a value is no header', () => {
  expect(fromRawHeaders(['Host', 'a', 'Lonely'])).toEqual([['Host', 'a']]);
  expect(fromRawHeaders([])).toEqual([]);
});

test('values of a name are found in any spelling, in order (RFC 9110 section 5.1)', () => {
  const headers = fromRawHeaders(['Accept', 'a', 'accept', 'b', 'ACCEPT', 'c', 'accept-language', 'd']);
  expect(valuesOf(headers, 'accept')).toEqual(['a', 'b', 'c']);
  expect(valuesOf(headers, 'cookie')).toEqual([]);
});
