import { expect, it } from '@jest/globals';
import { createRandomBytes } from '../../lib/shared/random-bytes.ts';

it('gives other bytes each time, beyond one draw', () => {
  const next = createRandomBytes(12, 4);
  const given = Array.from({ length: 50 }, next);

  expect(new Set(given.map((bytes) => bytes.toString('hex'))).size).toBe(50);
  expect(new Set(given.map(({ length }) => length))).toEqual(new Set([12]));
});

it('gives bytes that no later call changes', () => {
  const next = createRandomBytes(8, 2);
  const first = next();
  const copy = first.toString('hex');
  for (let count = 0; count < 10; count += 1) next();

  expect(first.toString('hex')).toBe(copy);
});
