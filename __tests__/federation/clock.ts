import { jest } from '@jest/globals';

/** Moves the clock of everything in this process; timers and sockets keep theirs. Undone by `jest.useRealTimers()`. */
export function moveClock(seconds: number): void {
  const now = Date.now() + seconds * 1000;
  const timers = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'clearImmediate',
  ] as const;
  jest.useFakeTimers({ now, doNotFake: [...timers, 'nextTick', 'queueMicrotask', 'performance', 'hrtime'] });
}
