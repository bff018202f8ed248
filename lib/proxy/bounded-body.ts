import type { Readable } from 'node:stream';

/** Why an answer was not read to its end. */
export type ReadProblem = 'too_large' | 'broken' | 'timed_out';

/** Reads a stream of at most `maxBytes` within a time limit; destroys it otherwise. @param timeoutMs 0 for no limit */
export function readBounded(body: Readable, maxBytes: number, timeoutMs: number): Promise<Buffer | ReadProblem> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (outcome: Buffer | ReadProblem): void => {
      clearTimeout(timer);
      resolve(outcome);
      if (!Buffer.isBuffer(outcome)) body.destroy();
    };
    const timer = timeoutMs > 0 ? setTimeout(() => finish('timed_out'), timeoutMs) : undefined;
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) finish('too_large');
      else chunks.push(chunk);
    });
    body.once('end', () => finish(Buffer.concat(chunks, size)));
    body.once('error', () => finish('broken'));
    body.once('close', () => finish('broken')); // Without effect after `end`.
  });
}

/** Lets an answer that nobody wants pass by, so that its connection can be used again; a long one is cut off. */
export function discard(body: Readable): void {
  readBounded(body, 65_536, 2000).catch(() => undefined);
}
