import type { Storage } from './storage.ts';

const intervalMs = 60_000;
const batch = 1000;
const maxBatches = 100;

/** Removes expired rows in bounded batches, now and then; it never keeps a process alive. */
export function createSweeper(storage: Storage): { stop(): void } {
  let isRunning = false;
  async function sweep(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      // A full batch means that more is waiting; bounded, so that one process never works on for others without end.
      for (let batches = 0; batches < maxBatches; batches += 1) {
        if ((await storage.sweep(Math.floor(Date.now() / 1000), batch)) < batch) break;
      }
    } catch {
      // An outage shows in requests; expired rows are invisible whether or not they are swept.
    } finally {
      isRunning = false;
    }
  }
  // Jitter, so that replicas started together do not sweep together.
  const timer = setInterval(() => void sweep(), intervalMs + Math.floor(Math.random() * intervalMs));
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
