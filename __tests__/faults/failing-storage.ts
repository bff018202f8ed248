import { memoryStorage, type Storage } from '../../lib/index.ts';
import {
  type RecordAddress,
  type RecordWrite,
  StorageUnavailableError,
  type StoredRecord,
} from '../../lib/storage/storage.ts';

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
  /** Live records of a kind that were not used, with the grant that each belongs to. */
  live(
    kind: string,
  ): Promise<{ readonly id: string; readonly record: StoredRecord; readonly grantId: string | undefined }[]>;
}

/** What a call is about. */
function nameOf(method: string, [first]: readonly unknown[]): string {
  if (method === 'getAll') return `getAll ${(first as RecordAddress[]).map(({ kind }) => kind).join(' and ')}`;
  if (method === 'commit') return `commit ${(first as RecordWrite).kind}`;
  return method === 'deleteByGrant' || method === 'increment' ? method : `${method} ${first}`;
}

/** The records that a call writes. */
function writesOf(method: string, parameters: readonly unknown[]): readonly RecordWrite[] {
  if (method === 'commit') {
    const [deciding, others] = parameters as Parameters<NonNullable<Storage['commit']>>;
    return [deciding, ...others];
  }
  if (method !== 'put' && method !== 'create') return [];
  const [kind, id, value, options] = parameters as Parameters<Storage['put']>;
  return [{ kind, id, value, ...(options && { options }) }];
}

/** @param steps 'several': the store has no calls for several records */
export function createFailingStorage(steps: 'one' | 'several' = 'one'): FailingStorage {
  const { getAll, commit, ...single } = memoryStorage();
  const inner = steps === 'one' ? { ...single, getAll, commit } : single;
  const written = new Map<string, { kind: string; id: string; grantId: string | undefined }>();
  let [calls, target] = [0, 0];
  let failure: Failure | undefined;
  let failed: string | undefined;
  let isPaused = false;

  const storage = { ...inner } as Storage;
  for (const method of methods) {
    const original = (inner as Storage)[method] as undefined | ((...parameters: unknown[]) => Promise<unknown>);
    if (!original) continue;
    const failing = async (...parameters: unknown[]) => {
      if (isPaused) return original(...parameters);
      calls += 1;
      const fails = failure !== undefined && (failure.stays ? calls >= target : calls === target);
      if (fails) failed ??= nameOf(method, parameters);
      if (fails && failure?.when === 'before') throw new StorageUnavailableError('the test says so');
      const answer = await original(...parameters);
      if (answer === true) {
        for (const { kind, id, options } of writesOf(method, parameters))
          written.set(`${kind} ${id}`, { kind, id, grantId: options?.grantId });
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
        record && record.consumedAt === undefined && record.value.rotation === undefined ? [{ ...rest, record }] : [],
      );
    },
  };
}
