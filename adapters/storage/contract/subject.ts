import type { Storage } from '../../../lib/storage/storage.ts';

/** The clock that the store under test must use wherever the port says "the present". */
export interface ContractClock {
  /** UNIX seconds, fractional. Starts at the present and only moves forward, faster than time does. */
  readonly now: () => number;
}

/** A store opened for one test, with what the contract needs to examine it. */
export interface StoreUnderTest {
  readonly storage: Storage;
  /** Closes every connection, as a restart would, and opens the data again. Left out where a restart loses everything. */
  readonly reopen?: () => Promise<Storage>;
  /** A second connection to the same data, as another process would have. Closed by `close`. */
  readonly another?: () => Promise<Storage>;
  /** True where the engine removes expired rows itself, by real time, so that `sweep` may find nothing to remove. */
  readonly expiresByItself?: boolean;
  /** Closes everything this store opened, reopened and other connections too. */
  readonly close: () => Promise<void>;
}

/** Opens a store without any record in it. Called once for each test. */
export type OpenStore = (clock: ContractClock) => Promise<StoreUnderTest>;

export interface Subject extends StoreUnderTest {
  /** The second connection, or the first where there is none. */
  readonly other: Storage;
  readonly clock: ContractClock & { advance(seconds: number): void };
}

/** What the store must do, each rule with the check that fails where it does not. */
export type Rules = { readonly [rule: string]: (subject: Subject) => Promise<void> };

export async function openSubject(open: OpenStore): Promise<Subject> {
  // From the real present on: engines that expire rows by their own clock must not meet an expiry in the past.
  let present = Math.ceil(Date.now() / 1000);
  const clock = {
    now: () => present,
    advance(seconds: number) {
      present += seconds;
    },
  };
  const opened = await open(clock);
  const other = (await opened.another?.()) ?? opened.storage;
  return { ...opened, other, clock };
}

/** Runs `attempt` many times at once, over both connections in turn. */
export function inParallel<T>(
  { storage, other }: Subject,
  times: number,
  attempt: (store: Storage, turn: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, turn) => attempt(turn % 2 === 0 ? storage : other, turn)));
}
