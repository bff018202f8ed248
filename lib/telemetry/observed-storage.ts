import { secondsSince, type Telemetry } from '../shared/telemetry.ts';
import type { Storage } from '../storage/storage.ts';

const methods = [
  'get',
  'getAll',
  'put',
  'create',
  'consume',
  'take',
  'replace',
  'commit',
  'delete',
  'deleteByGrant',
  'find',
  'increment',
  'sweep',
  'ping',
] as const satisfies readonly (keyof Storage)[];

type Method = (...given: unknown[]) => Promise<unknown>;

/** What a call is about: a kind of record, of which there are few; never an id. */
function kindOf(method: (typeof methods)[number], given: readonly unknown[]): string | undefined {
  const [first] = given;
  if (method === 'increment' || method === 'deleteByGrant') return undefined;
  if (typeof first === 'string') return first;
  const [address] = Array.isArray(first) ? first : [first];
  const kind = (address as { kind?: unknown } | undefined)?.kind;
  return typeof kind === 'string' ? kind : undefined;
}

/** The same store, with a duration for each call, and a span where a request waits for it. */
export function observeStorage(storage: Storage, telemetry: Telemetry): Storage {
  async function observe(name: (typeof methods)[number], call: Method, given: readonly unknown[]): Promise<unknown> {
    const kind = kindOf(name, given);
    const attributes = { 'mcp_oauth.store.operation': name, 'mcp_oauth.store.kind': kind };
    const span = telemetry.isRecording()
      ? telemetry.span(`storage ${name}${kind === undefined ? '' : ` ${kind}`}`, { kind: 'client', attributes })
      : undefined;
    const startedAt = performance.now();
    let errorType: string | undefined;
    try {
      return await (span ? span.run(() => call(...given)) : call(...given));
    } catch (error) {
      errorType = error instanceof Error ? error.name : '_OTHER';
      span?.fail(errorType);
      throw error;
    } finally {
      span?.end();
      const seconds = secondsSince(startedAt);
      telemetry.record('mcp_oauth.store.operation.duration', seconds, { ...attributes, 'error.type': errorType });
    }
  }

  const observed: Record<string, unknown> = {};
  for (const name of methods) {
    if (!storage[name]) continue;
    const call: Method = (...given) =>
      (storage as unknown as Record<string, Method>)[name]?.(...given) as Promise<unknown>;
    observed[name] = (...given: unknown[]) => observe(name, call, given);
  }
  return {
    ...(storage.isVolatile !== undefined && { isVolatile: storage.isVolatile }),
    ...(storage.migrate && { migrate: storage.migrate.bind(storage) }),
    ...(storage.warnings && { warnings: storage.warnings.bind(storage) }),
    close: storage.close.bind(storage),
    ...observed,
  } as Storage;
}
