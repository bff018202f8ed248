import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

const lineFeed = 0x0a;

/**
 * Sends a comment into an event stream whenever it was silent for some time, so that nothing on the way takes it for dead
 * (WHATWG HTML section 9.2.7). Only between lines: a comment there is no part of an event.
 * @param source what is written to `res`
 */
export function keepAwake(source: Readable, res: ServerResponse, seconds: number): void {
  let lastByte = lineFeed;
  const timer = setTimeout(() => {
    if (lastByte === lineFeed && !res.writableNeedDrain && !res.writableEnded) res.write(':\n');
    timer.refresh();
  }, seconds * 1000);
  source.on('data', (chunk: Buffer) => {
    lastByte = chunk.at(-1) ?? lastByte;
    timer.refresh();
  });
  res.once('close', () => clearTimeout(timer));
}
