import { randomUUID } from 'node:crypto';
import type { FoundRecord, StoredRecord, StoredValue, WriteOptions } from '../../../lib/storage/storage.ts';
import type { Row } from './client.ts';
import { requireJson, requireText } from './text.ts';

/** What a write says of a record, from $4 on. */
export interface Written {
  readonly columns: readonly unknown[];
  /** Index values by their names, as JSON, where there are any. */
  readonly entries: string | undefined;
}

export function toWritten(value: StoredValue, { expiresAt, grantId, index = {} }: WriteOptions = {}): Written {
  const grant = grantId === undefined ? null : requireText('grantId', grantId);
  const entries = Object.entries(index);
  for (const [name, text] of entries) {
    requireText('index name', name);
    requireText('index value', text);
  }
  return {
    columns: [requireJson('value', value), grant, randomUUID(), expiresAt ?? null],
    entries: entries.length > 0 ? JSON.stringify(index) : undefined,
  };
}

export function toAddress(kind: string, id: string): string[] {
  return [requireText('kind', kind), requireText('id', id)];
}

export function toRecord({ value, version, consumed_at: consumedAt, expires_at: expiresAt }: Row): StoredRecord {
  return {
    value: JSON.parse(String(value)),
    version: String(version),
    ...(consumedAt !== null && { consumedAt: Number(consumedAt) }),
    ...(expiresAt !== null && { expiresAt: Number(expiresAt) }),
  };
}

export function toFoundRecord(row: Row): FoundRecord {
  return { id: String(row.id), ...toRecord(row) };
}
