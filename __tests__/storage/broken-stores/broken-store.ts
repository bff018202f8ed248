import type { ContractClock } from '../../../adapters/storage/contract.ts';
import { memoryStorage } from '../../../lib/storage/memory.ts';
import type { Storage } from '../../../lib/storage/storage.ts';

/** A store that breaks one promise of the port, in a way in which real ones do. */
export interface BrokenStore {
  /** What is wrong with it. */
  readonly fault: string;
  /** One rule of the contract that must notice. */
  readonly rule: string;
  /** The methods that take the place of the sound ones. */
  readonly breakIt: (sound: Storage, clock: ContractClock) => Partial<Storage>;
}

/** As a round trip to a server: others get their turn. */
export const pause = () => new Promise((resolve) => setImmediate(resolve));

/** A sound store, and a way to call it at another time than the present. */
export function storeWithTimeTravel(clock: ContractClock) {
  let time: number | undefined;
  const store = memoryStorage({ now: () => time ?? clock.now() });
  function at<T>(other: number, call: () => T): T {
    time = other;
    // The memory store has done all its work when it returns its promise.
    const result = call();
    time = undefined;
    return result;
  }
  return { store, at };
}
