import assert from 'node:assert/strict';

/**
 * Deep equality of JSON, wherever the objects were made: a driver's rows may have no prototype, or the one of another
 * realm, as Node's own have in jest.
 */
export function assertSame(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(plain(actual), plain(expected), message);
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, plain);
  if (Object.prototype.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(Object.entries(value as object).map(([name, member]) => [name, plain(member)]));
}
