import { randomFillSync } from 'node:crypto';

/**
 * Gives random bytes of one length, drawn for many at once: to ask for a few costs as much as for some thousand. Each
 * answer is a copy of its own, and no byte is given twice.
 */
export function createRandomBytes(length: number, drawn = 256): () => Buffer {
  const pool = Buffer.alloc(length * drawn);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const bytes = Buffer.from(pool.subarray(used, used + length));
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  };
}
