import { type RecordWrite, type Storage, StorageUnavailableError } from '../../../lib/storage/storage.ts';
import type { RunScript } from './client.ts';
import { addressOf, type Keys, requireText } from './keys.ts';
import type { Manner } from './records.ts';
import { newRow, toRecord, toRow, uniqueText } from './rows.ts';
import {
  COMMIT_WHOLE,
  CONSUME_WHOLE,
  MAY_SPAN,
  READ_SEVERAL,
  READ_WHOLE,
  REMOVE_WHOLE,
  WRITE_WHOLE,
} from './whole-scripts.ts';

/** What the port does with records. */
export type RecordCalls = Pick<
  Required<Storage>,
  'get' | 'getAll' | 'put' | 'create' | 'consume' | 'take' | 'replace' | 'commit' | 'delete'
>;

export interface WholeRecordsOptions {
  readonly run: RunScript;
  readonly keys: Keys;
  readonly now: () => number;
}

/** Records of one server: each call is one script. */
export function createWholeRecords({ run, keys, now }: WholeRecordsOptions): RecordCalls {
  /** The record's key, and how much of it is not the prefix. */
  function placeOf(kind: string, id: string): [keys: string[], length: string] {
    const address = addressOf(kind, id);
    return [[keys.record(address)], String(Buffer.byteLength(`record:${address}`))];
  }

  function rowOf({ value, options = {} }: Pick<RecordWrite, 'value' | 'options'>): string[] {
    if (options.grantId !== undefined) requireText('grantId', options.grantId);
    for (const [name, text] of Object.entries(options.index ?? {})) {
      requireText('index name', name);
      requireText('index value', text);
    }
    const row = newRow(value, options, now());
    return [row.value, row.version, row.expires, row.grant, row.index];
  }

  async function write(
    manner: Manner,
    ...[kind, id, value, options = {}]: Parameters<Storage['put']>
  ): Promise<boolean> {
    const [key, length] = placeOf(kind, id);
    const expected = manner.how === 'replace' ? manner.version : '';
    const fields = rowOf({ value, options });
    return Number(await run(WRITE_WHOLE, key, length, manner.how, expected, ...fields)) === 1;
  }

  return {
    async get(kind, id) {
      const row = toRow(await run(READ_WHOLE, ...placeOf(kind, id)));
      return row && toRecord(row);
    },

    async getAll(addresses) {
      const [first, ...others] = addresses.map(({ kind, id }) => placeOf(kind, id));
      if (!first) return [];
      const keys = [first, ...others].flatMap(([key]) => key);
      const rows = await run(READ_SEVERAL, keys, first[1]);
      return (rows as unknown[]).map((reply) => {
        const row = toRow(reply);
        return row && toRecord(row);
      });
    },

    async commit(deciding, others) {
      const [key, length] = placeOf(deciding.kind, deciding.id);
      const keys = [...key, ...others.flatMap(({ kind, id }) => placeOf(kind, id)[0])];
      const isUsed = deciding.how === 'use';
      const condition = isUsed ? [deciding.version, `${deciding.consumedAt} ${uniqueText()}`] : ['', ''];
      const rows = [deciding, ...others].flatMap(rowOf);
      return Number(await run(COMMIT_WHOLE, keys, length, deciding.how, ...condition, ...rows)) === 1;
    },

    put: (...record) => write({ how: 'put' }, ...record),

    create: (...record) => write({ how: 'create' }, ...record),

    replace: (kind, id, version, value, options) => write({ how: 'replace', version }, kind, id, value, options),

    async consume(kind, id, at) {
      const answer = await run(CONSUME_WHOLE, ...placeOf(kind, id), `${at} ${uniqueText()}`);
      return String(answer) as 'consumed' | 'already' | 'missing';
    },

    async take(kind, id) {
      const row = toRow(await run(REMOVE_WHOLE, ...placeOf(kind, id), 'live'));
      return row && toRecord(row);
    },

    async delete(kind, id) {
      await run(REMOVE_WHOLE, ...placeOf(kind, id), 'any');
    },
  };
}

/** Whether one script may use keys of several slots, as on a server that stands alone: asked once, until it answers. */
export function createSpanProbe(run: RunScript, { probe }: Keys): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;

  async function ask(): Promise<boolean> {
    try {
      await run(MAY_SPAN, probe);
      return true;
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) return false;
      asking = undefined;
      throw error;
    }
  }

  return () => {
    asking ??= ask();
    return asking;
  };
}
