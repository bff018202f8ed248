import { expect, test } from '@jest/globals';
import { checkRefreshResource } from '../../lib/grants/refresh-policy.ts';

const mcp = 'https://mcp.example.com/mcp';
const other = 'https://mcp.example.com/other';

test.each([
  ['none is asked for', undefined, mcp],
  ['the granted one is asked for', mcp, mcp],
  ['one of several granted is asked for', other, [mcp, other]],
  ['none is asked for and none was granted', undefined, undefined],
])('a refresh may go on where %s (RFC 8707 section 2.2)', (_what, requested, granted) => {
  expect(checkRefreshResource(requested, granted)).toBeUndefined();
});

test.each([
  ['another one', other, mcp],
  ['one not among several', 'https://evil.example', [mcp, other]],
  ['one where none was granted', mcp, undefined],
  ['one where the list is empty', mcp, []],
  ['the granted one with a slash, which was made canonical before', `${mcp}/`, mcp],
  ['the start of it', 'https://mcp.example.com', mcp],
  ['empty text', '', mcp],
  ['null', null, mcp],
  ['an object', { 0: mcp }, mcp],
])('a refresh for %s is refused as not granted', (_what, requested, granted) => {
  expect(checkRefreshResource(requested, granted)).toBe('resource_not_granted');
});

test.each([[[mcp, other]], [[mcp, mcp]], [[mcp]], [[]]])(
  'a refresh for the list %j is refused: a token has one audience',
  (requested) => {
    expect(checkRefreshResource(requested, [mcp, other])).toBe('several_resources');
  },
);
