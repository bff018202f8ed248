import { memoryStorage, type Storage } from '../../lib/index.ts';
import { StorageUnavailableError, type StoredRecord } from '../../lib/storage/storage.ts';

const methods = [
  'get',
  'put',
  'create',
  'consume',
  'take',
  'replace',
  'delete',
  'deleteByGrant',
  'find',
  'increment',
] as const;

/** How a call fails, and whether those after it do. */
export interface Failure {
  /** 'before': nothing happens. 'after': it happens, and the answer is lost. */
  readonly when: 'before' | 'after';
  /** True where the store stays away until `heal`. */
  readonly stays: boolean;
}

export interface FailingStorage {
  readonly storage: Storage;
  /** Lets the call with this number fail, counted from 1 from now on. */
  failAt(call: number, failure: Failure): void;
  /** Calls in between neither fail nor count. */
  pause(isOn: boolean): void;
  /** Everything is answered again. @returns what failed first, such as `put RefreshToken`; undefined where nothing did */
  heal(): string | undefined;
  /** Live records of a kind that were not consumed, with the grant that each belongs to. */
  live(
    kind: string,
  ): Promise<{ readonly id: string; readonly record: StoredRecord; readonly grantId: string | undefined }[]>;
}

export function createFailingStorage(): FailingStorage {
  const inner = memoryStorage();
  const written = new Map<string, { kind: string; id: string; grantId: string | undefined }>();
  let [calls, target] = [0, 0];
  let failure: Failure | undefined;
  let failed: string | undefined;
  let isPaused = false;

  const storage: Storage = { ...inner };
  for (const method of methods) {
    const original = inner[method] as (...parameters: unknown[]) => Promise<unknown>;
    const failing = async (...parameters: unknown[]) => {
      if (isPaused) return original(...parameters);
      calls += 1;
      const fails = failure !== undefined && (failure.stays ? calls >= target : calls === target);
      if (fails)
        failed ??= `${method} ${method === 'deleteByGrant' || method === 'increment' ? '' : parameters[0]}`.trim();
      if (fails && failure?.when === 'before') throw new StorageUnavailableError('the test says so');
      const answer = await original(...parameters);
      if (method === 'put' || method === 'create') {
        const [kind, id, , options] = parameters as Parameters<Storage['put']>;
        if (answer === true) written.set(`${kind} ${id}`, { kind, id, grantId: options?.grantId });
      }
      if (fails) throw new StorageUnavailableError('the answer was lost');
      return answer;
    };
    Object.assign(storage, { [method]: failing });
  }

  return {
    storage,
    failAt(call, given) {
      [calls, target, failure, failed] = [0, call, given, undefined];
    },
    pause(isOn) {
      isPaused = isOn;
    },
    heal() {
      failure = undefined;
      return failed;
    },
    async live(kind) {
      const found = [...written.values()].filter((entry) => entry.kind === kind);
      const records = await Promise.all(
        found.map(async ({ id, grantId }) => ({ id, grantId, record: await inner.get(kind, id) })),
      );
      return records.flatMap(({ record, ...rest }) =>
        record && record.consumedAt === undefined ? [{ ...rest, record }] : [],
      );
    },
  };
}
