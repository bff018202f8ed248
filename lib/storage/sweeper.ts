import type { Storage } from './storage.ts';

const intervalMs = 60_000;
const batch = 1000;

/** Removes expired rows in bounded batches, now and then; it never keeps a process alive. */
export function createSweeper(storage: Storage): { stop(): void } {
  let isRunning = false;
  async function sweep(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    try {
      await storage.sweep(Math.floor(Date.now() / 1000), batch);
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
