import { describe, expect, test } from '@jest/globals';
import { createEvents, type McpOAuthEvent } from '../../lib/shared/events.ts';
import { createKeyRingSource, type KeyRingSource } from '../../lib/shared/secrets.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';

const given = 'a secret of these tests, long enough for everyone';

function source(storage: Storage, secrets?: readonly string[]): { keyRing: KeyRingSource; seen: McpOAuthEvent[] } {
  const events = createEvents(undefined);
  const seen: McpOAuthEvent[] = [];
  events.on('*', (event) => void seen.push(event));
  return { keyRing: createKeyRingSource(storage, secrets, events), seen };
}

/** A store that is down until `up()`, and counts what it is asked. */
function fragileStorage(): { storage: Storage; up(): void; calls(): number } {
  const inner = memoryStorage();
  let isUp = false;
  let calls = 0;
  const guard =
    <Parameters extends unknown[], Result>(work: (...parameters: Parameters) => Promise<Result>) =>
    async (...parameters: Parameters) => {
      calls += 1;
      if (!isUp) throw new StorageUnavailableError('down');
      return work(...parameters);
    };
  const storage = { ...inner, get: guard(inner.get), create: guard(inner.create) };
  return {
    storage,
    up() {
      isUp = true;
    },
    calls: () => calls,
  };
}

describe('without the option secret', () => {
  test('20 parallel first calls of several processes on one store generate one secret and warn once', async () => {
    const storage = memoryStorage();
    const processes = Array.from({ length: 5 }, () => source(storage));
    const rings = await Promise.all(Array.from({ length: 20 }, (_, index) => processes[index % 5]?.keyRing()));
    expect(new Set(rings.map((ring) => ring?.sign('purpose', 'text'))).size).toBe(1);
    const warnings = processes.flatMap(({ seen }) => seen);
    expect(warnings).toEqual([
      expect.objectContaining({ type: 'configuration.warning', code: 'MCP_OAUTH_SECRET_GENERATED' }),
    ]);
  });

  test('the warning does not show the secret', async () => {
    const storage = memoryStorage();
    const { keyRing, seen } = source(storage);
    await keyRing();
    const stored = (await storage.get('Secret', 'generated'))?.value.secret as string;
    expect(stored.length).toBeGreaterThanOrEqual(32);
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen)).not.toContain(stored);
  });

  test('a later process reads the secret of the first, and does not warn again', async () => {
    const storage = memoryStorage();
    const signature = (await source(storage).keyRing()).sign('purpose', 'text');
    const later = source(storage);
    expect((await later.keyRing()).verify('purpose', 'text', signature)).toBe(true);
    expect(later.seen).toEqual([]);
  });

  test('an outage at start rejects each call and leaves nothing behind: the next call after it works', async () => {
    const { storage, up } = fragileStorage();
    const { keyRing, seen } = source(storage);
    await expect(Promise.all([keyRing(), keyRing()])).rejects.toThrow(StorageUnavailableError);
    await expect(keyRing()).rejects.toThrow(StorageUnavailableError);
    up();
    const [ring, again] = await Promise.all([keyRing(), keyRing()]);
    expect(ring).toBe(again);
    expect(seen.map(({ type }) => type)).toEqual(['configuration.warning']);
  });

  test('the store is asked once for as long as the process runs, and not before the first call', async () => {
    const { storage, up, calls } = fragileStorage();
    const { keyRing } = source(storage);
    expect(calls()).toBe(0);
    up();
    await keyRing();
    await Promise.all([keyRing(), keyRing()]);
    expect(calls()).toBe(1);
  });

  test('a secret that somebody took out of the record is an error, not a second secret', async () => {
    const storage = memoryStorage();
    await storage.put('Secret', 'generated', {});
    await expect(source(storage).keyRing()).rejects.toThrow('the generated secret is missing from the store');
  });
});

describe('with the option secret', () => {
  test('the store is neither read nor written, and nothing is warned of', async () => {
    const { storage, calls } = fragileStorage();
    const { keyRing, seen } = source(storage, [given]);
    expect((await keyRing()).sign('purpose', 'text')).toMatch(/^[\w-]{43}$/);
    expect(calls()).toBe(0);
    expect(seen).toEqual([]);
  });

  test('the first of a list signs and the others still verify', async () => {
    const old = await source(memoryStorage(), [given]).keyRing();
    const rotated = await source(memoryStorage(), [`new ${given}`, given]).keyRing();
    expect(rotated.verify('purpose', 'text', old.sign('purpose', 'text'))).toBe(true);
    expect(old.verify('purpose', 'text', rotated.sign('purpose', 'text'))).toBe(false);
  });
});
