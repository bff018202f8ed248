import { memoryStorage } from '../../../lib/storage/memory.ts';
import { type BrokenStore, storeWithTimeTravel } from './broken-store.ts';

export const wrongTimes: readonly BrokenStore[] = [
  {
    fault: 'ignores expiry',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: () => memoryStorage({ now: () => 0 }),
  },
  {
    fault: 'lets a record live in the second of its expiry',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: (_, clock) => memoryStorage({ now: () => clock.now() - 0.001 }),
  },
  {
    fault: 'lets records expire by the whole second',
    rule: 'expiry: a record is there until its expiry and not at it',
    breakIt: (_, clock) => memoryStorage({ now: () => Math.ceil(clock.now()) }),
  },
  {
    fault: 'creates only after a sweep',
    rule: 'expiry: an expired record can be created again, with nothing left of the old one',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, create: (...args) => at(0, () => store.create(...args)) };
    },
  },
  {
    fault: 'consumes an expired record',
    rule: 'expiry: an expired record is not consumed',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, consume: (...args) => at(0, () => store.consume(...args)) };
    },
  },
  {
    fault: 'hands out an expired record once more',
    rule: 'expiry: an expired record is not taken',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, take: (...args) => at(0, () => store.take(...args)) };
    },
  },
  {
    fault: 'brings an expired record back by replace',
    rule: 'expiry: an expired record is not replaced',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, replace: (...args) => at(0, () => store.replace(...args)) };
    },
  },
  {
    fault: 'finds expired records',
    rule: 'expiry: an expired record is not found',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, find: (...args) => at(0, () => store.find(...args)) };
    },
  },
  {
    fault: 'prolongs the window with every call',
    rule: 'counters: a window opens with the first call and is not prolonged by later ones',
    breakIt: (_, clock) => {
      const counters = new Map<string, { count: number; end: number }>();
      return {
        async increment(key, ttlSeconds) {
          const open = counters.get(key);
          const count = open && open.end > clock.now() ? open.count + 1 : 1;
          counters.set(key, { count, end: clock.now() + ttlSeconds });
          return count;
        },
      };
    },
  },
  {
    fault: 'sweeps more than asked for',
    rule: 'sweeping: sweep removes expired rows, at most as many as asked for, and counts them',
    breakIt: (sound) => ({ sweep: (before) => sound.sweep(before, Number.POSITIVE_INFINITY) }),
  },
  {
    fault: 'sweeps nothing',
    rule: 'sweeping: sweep removes expired rows, at most as many as asked for, and counts them',
    breakIt: () => ({ sweep: async () => 0 }),
  },
  {
    fault: 'sweeps what expires before the given time, live or not',
    rule: 'sweeping: sweep removes nothing that is live, whatever time it is given',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return { ...store, sweep: (before, limit) => at(before, () => store.sweep(before, limit)) };
    },
  },
];
