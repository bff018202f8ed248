import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memoryStorage, type Storage, sqliteStorage } from '../../lib/index.ts';
import { holds } from '../helpers/properties.ts';

const directory = mkdtempSync(join(tmpdir(), 'fuzzed-storage-'));
const stores: [string, Storage][] = [
  ['memory', memoryStorage()],
  ['SQLite', sqliteStorage(join(directory, 'store.sqlite'))],
];
afterAll(async () => {
  for (const [, store] of stores) await store.close();
  rmSync(directory, { recursive: true });
});

const far = Math.floor(Date.now() / 1000) + 100_000;
const id = fc.constantFrom('a', 'b', '__proto__');
const grant = fc.constantFrom(undefined, 'g1', 'g2');
const operation = fc.oneof(
  fc.record({ do: fc.constant('put' as const), id, grant, value: fc.nat(9) }),
  fc.record({ do: fc.constant('create' as const), id, grant, value: fc.nat(9) }),
  fc.record({ do: fc.constant('replace' as const), id, grant, value: fc.nat(9), isStale: fc.boolean() }),
  fc.record({ do: fc.constant('consume' as const), id }),
  fc.record({ do: fc.constant('take' as const), id }),
  fc.record({ do: fc.constant('delete' as const), id }),
  fc.record({ do: fc.constant('deleteByGrant' as const), grant: fc.constantFrom('g1', 'g2') }),
  fc.record({ do: fc.constant('get' as const), id }),
);

interface ModelRecord {
  value: number;
  grant: string | undefined;
  consumed: boolean;
}

/** What the port promises, in the fewest words. */
function createModel() {
  const records = new Map<string, ModelRecord>();
  const ended = new Set<string>();
  const mayWrite = (name: string | undefined) => name === undefined || !ended.has(name);
  return {
    records,
    put(key: string, value: number, name: string | undefined): boolean {
      if (!mayWrite(name)) return false;
      records.set(key, { value, grant: name, consumed: false });
      return true;
    },
    replace(key: string, value: number, name: string | undefined): boolean {
      const record = records.get(key);
      if (!record || !mayWrite(name)) return false;
      records.set(key, { ...record, value, grant: name });
      return true;
    },
    consume(key: string): string {
      const record = records.get(key);
      if (!record) return 'missing';
      if (record.consumed) return 'already';
      record.consumed = true;
      return 'consumed';
    },
    deleteByGrant(name: string): void {
      ended.add(name);
      for (const [key, record] of records) if (record.grant === name) records.delete(key);
    },
  };
}

let run = 0;
describe.each(stores)('%s', (_name, store) => {
  test('does what the model says, whatever comes after what', () =>
    holds(
      fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
        run += 1;
        const kind = `Fuzz${run}`;
        const grantOf = (name: string | undefined) => (name === undefined ? {} : { grantId: `${name}-${run}` });
        const model = createModel();
        for (const step of operations) {
          switch (step.do) {
            case 'put':
              expect(
                await store.put(kind, step.id, { n: step.value }, { expiresAt: far, ...grantOf(step.grant) }),
              ).toBe(model.put(step.id, step.value, step.grant));
              break;
            case 'create': {
              const done = !model.records.has(step.id) && model.put(step.id, step.value, step.grant);
              expect(
                await store.create(kind, step.id, { n: step.value }, { expiresAt: far, ...grantOf(step.grant) }),
              ).toBe(done);
              break;
            }
            case 'replace': {
              const version = (await store.get(kind, step.id))?.version ?? 'none';
              const done = !step.isStale && model.replace(step.id, step.value, step.grant);
              const write = { expiresAt: far, ...grantOf(step.grant) };
              expect(
                await store.replace(kind, step.id, step.isStale ? 'stale' : version, { n: step.value }, write),
              ).toBe(done);
              break;
            }
            case 'consume':
              expect(await store.consume(kind, step.id, 1)).toBe(model.consume(step.id));
              break;
            case 'take': {
              const taken = await store.take(kind, step.id);
              expect(taken?.value.n).toBe(model.records.get(step.id)?.value);
              model.records.delete(step.id);
              break;
            }
            case 'delete':
              await store.delete(kind, step.id);
              model.records.delete(step.id);
              break;
            case 'deleteByGrant':
              await store.deleteByGrant(`${step.grant}-${run}`, far + 1);
              model.deleteByGrant(step.grant);
              break;
            case 'get': {
              const found = await store.get(kind, step.id);
              const known = model.records.get(step.id);
              expect([found?.value.n, found !== undefined && found.consumedAt !== undefined]).toEqual([
                known?.value,
                known?.consumed ?? false,
              ]);
              break;
            }
          }
        }
      }),
      150,
    ));

  test('lets one of those through that come at once, in whatever order they run', () =>
    holds(
      fc.asyncProperty(
        fc.scheduler(),
        fc.constantFrom('consume', 'take', 'create', 'replace'),
        fc.integer({ min: 2, max: 8 }),
        async (scheduler, what, count) => {
          run += 1;
          const [kind, key] = [`Race${run}`, 'record'];
          if (what !== 'create') await store.put(kind, key, { n: 0 }, { expiresAt: far });
          const version = (await store.get(kind, key))?.version ?? '';
          const attempt = async (index: number): Promise<boolean> => {
            switch (what) {
              case 'consume':
                return (await store.consume(kind, key, index + 1)) === 'consumed';
              case 'take':
                return (await store.take(kind, key)) !== undefined;
              case 'create':
                return store.create(kind, key, { n: index }, { expiresAt: far });
              default:
                return store.replace(kind, key, version, { n: index }, { expiresAt: far });
            }
          };
          const attempts = Array.from({ length: count }, (_, index) =>
            scheduler.schedule(Promise.resolve(index)).then(attempt),
          );
          await scheduler.waitAll();
          expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(1);
        },
      ),
      100,
    ));
});
