import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreAddress } from './gateway-worker.ts';

/** A file for faults that the store has no part in. */
export async function sqliteStore(): Promise<{ readonly address: StoreAddress; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  return {
    address: { kind: 'sqlite', url: join(folder, 'oauth.sqlite'), prefix: '', timeoutMs: 5000 },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
