import { randomUUID } from 'node:crypto';
import { compareAndDelete } from './compare-and-delete.ts';
import type { Storage } from './storage.ts';

const intervalMs = 60_000;
const batch = 1000;
const maxBatches = 100;

const leaseKind = 'SweepLease';
const leaseId = 'sweep';
/** Longer than a sweep takes; whoever held the lease and died is replaced after it. */
const leaseSeconds = 300;

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** @returns false where another process sweeps */
async function sweepAlone(storage: Storage): Promise<boolean> {
  const holder = randomUUID();
  if (!(await storage.create(leaseKind, leaseId, { holder }, { expiresAt: nowSeconds() + leaseSeconds }))) return false;
  try {
    // A full batch means that more is waiting; bounded, so that one process never works on for others without end.
    for (let batches = 0; batches < maxBatches; batches += 1) {
      if ((await storage.sweep(nowSeconds(), batch)) < batch) break;
    }
  } finally {
    const lease = await storage.get(leaseKind, leaseId);
    if (lease?.value.holder === holder) await compareAndDelete(storage, leaseKind, leaseId, lease.version);
  }
  return true;
}

/** Sweeps of one process. */
export interface Sweeper {
  /** Removes expired rows now, unless another process does. @returns whether this one did */
  sweep(): Promise<boolean>;
  stop(): void;
}

/** Removes expired rows in bounded batches, one process at a time, now and then; it never keeps a process alive. */
export function createSweeper(storage: Storage): Sweeper {
  async function sweep(): Promise<boolean> {
    try {
      return await sweepAlone(storage);
    } catch {
      return false; // An outage shows in requests; expired rows are invisible whether or not they are swept.
    }
  }
  // Jitter, so that replicas started together do not ask together.
  const timer = setInterval(() => void sweep(), intervalMs + Math.floor(Math.random() * intervalMs));
  timer.unref();
  return { sweep, stop: () => clearInterval(timer) };
}
