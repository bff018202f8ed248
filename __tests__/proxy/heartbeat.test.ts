import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { keepAwake } from '../../lib/proxy/heartbeat.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** A stream with a heartbeat every ten seconds, and what was written beside it. */
function start() {
  const source = new Readable({ read() {} });
  const written: string[] = [];
  const state = { writableNeedDrain: false, writableEnded: false };
  const res = Object.assign(new EventEmitter(), state, { write: (text: string) => written.push(text) });
  keepAwake(source, res as unknown as ServerResponse, 10);
  return { source, res, written };
}

test('a silent stream gets a comment, again and again (WHATWG HTML section 9.2.7)', () => {
  const { written } = start();
  jest.advanceTimersByTime(9_999);
  expect(written).toEqual([]);
  jest.advanceTimersByTime(20_001);
  expect(written).toEqual([':\n', ':\n', ':\n']);
});

test('a stream that says something gets none', () => {
  const { source, written } = start();
  for (let seconds = 0; seconds < 60; seconds += 5) {
    source.emit('data', Buffer.from('data: x\n\n'));
    jest.advanceTimersByTime(5_000);
  }
  expect(written).toEqual([]);
});

test.each(['data: half a li', 'data: x\r'])('never within a line or its end: %j', (text) => {
  const { source, written } = start();
  source.emit('data', Buffer.from(text));
  jest.advanceTimersByTime(60_000);
  expect(written).toEqual([]);
  source.emit('data', Buffer.from('\n'));
  jest.advanceTimersByTime(10_000);
  expect(written).toEqual([':\n']);
});

test('a client that does not read gets none, and one that has gone ends it', () => {
  const { res, written } = start();
  res.writableNeedDrain = true;
  jest.advanceTimersByTime(10_000);
  expect(written).toEqual([]);
  res.writableNeedDrain = false;
  res.emit('close');
  expect(jest.getTimerCount()).toBe(0);
});
