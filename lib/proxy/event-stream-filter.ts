import { Transform, type TransformCallback } from 'node:stream';
import type { Filtered } from './message-filter.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** An event is larger than the filter may hold. */
export class EventTooLargeError extends Error {
  constructor(maxEventBytes: number) {
    super(`an event of the upstream is larger than ${maxEventBytes} bytes`);
    this.name = 'EventTooLargeError';
  }
}

/** The event that is being read. */
interface OpenEvent {
  /** Its lines as they came, with their ends. */
  raw: Buffer[];
  /** Those that carry no data. */
  other: Buffer[];
  data: string[];
  bytes: number;
}

const openEvent = (): OpenEvent => ({ raw: [], other: [], data: [], bytes: 0 });

/**
 * Filters the data of a stream's events (WHATWG HTML section 9.2.6). Each event passes when its blank line has come, as the
 * bytes it came in unless the filter changed it; comments pass at once. Data that is not JSON is not passed on.
 */
export function createEventStreamFilter(filter: (text: string) => Filtered, maxEventBytes: number): Transform {
  let event = openEvent();
  /** The line that has no end yet. */
  let line: Buffer[] = [];
  let lineBytes = 0;
  let isFirstLine = true;
  /** A line has ended with CR as the last byte of a chunk: an LF that follows belongs to it. */
  let endedWithReturn = false;

  function dispatch(output: Transform, end: Buffer): void {
    const { raw, other, data } = event;
    event = openEvent();
    const text = data.join('\n');
    const filtered: Filtered = text === '' ? { kind: 'same' } : filter(text);
    if (filtered.kind === 'same') return void output.push(Buffer.concat([...raw, end]));
    const changed =
      filtered.kind === 'changed' ? [Buffer.from(`data: ${filtered.text.replaceAll('\n', '\ndata: ')}\n`)] : [];
    // An id stays, since the client resumes from it.
    output.push(Buffer.concat([...other, ...changed, end]));
  }

  function takeLine(output: Transform, raw: Buffer): void {
    const start = isFirstLine && raw.subarray(0, 3).equals(byteOrderMark) ? 3 : 0;
    isFirstLine = false;
    const text = raw.toString('utf8', start).replace(/[\r\n]+$/, '');
    if (text === '') return dispatch(output, raw);
    if (text.startsWith(':')) return void output.push(raw);
    event.raw.push(raw);
    event.bytes += raw.length;
    const colon = text.indexOf(':');
    if ((colon < 0 ? text : text.slice(0, colon)) !== 'data') return void event.other.push(raw);
    event.data.push(colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, ''));
  }

  /** Where the line ends that begins at `start`, its end included; -1 where it does not. */
  function endOfLine(chunk: Buffer, start: number): number {
    const feed = chunk.indexOf(lineFeed, start);
    const carriage = chunk.subarray(start, feed < 0 ? undefined : feed).indexOf(carriageReturn);
    if (carriage < 0) return feed < 0 ? -1 : feed + 1;
    const end = start + carriage + 1;
    return chunk[end] === lineFeed ? end + 1 : end;
  }

  return new Transform({
    transform(this: Transform, chunk: Buffer, _encoding, done: TransformCallback) {
      let start = 0;
      if (endedWithReturn && chunk[0] === lineFeed) start = 1; // CR alone has ended the line: nothing is lost.
      endedWithReturn = chunk.length === 0 ? endedWithReturn : chunk.at(-1) === carriageReturn;
      for (let end = endOfLine(chunk, start); end >= 0; end = endOfLine(chunk, start)) {
        takeLine(this, Buffer.concat([...line, chunk.subarray(start, end)]));
        line = [];
        lineBytes = 0;
        start = end;
      }
      if (start < chunk.length) line.push(chunk.subarray(start));
      lineBytes += chunk.length - start;
      done(event.bytes + lineBytes > maxEventBytes ? new EventTooLargeError(maxEventBytes) : null);
    },
    flush(this: Transform, done: TransformCallback) {
      if (line.length > 0) takeLine(this, Buffer.concat(line));
      if (event.bytes > 0) dispatch(this, Buffer.alloc(0));
      done();
    },
  });
}
