import { createRandomBytes } from '../../../lib/shared/random-bytes.ts';
import type { StoredRecord, StoredValue, WriteOptions } from '../../../lib/storage/storage.ts';

/** A record as its hash holds it: text only, '' where there is nothing. */
export interface Row {
  /** JSON. */
  readonly value: string;
  readonly version: string;
  /** UNIX seconds, a space and which call it was. */
  readonly consumed: string;
  /** UNIX seconds. */
  readonly expires: string;
  /** The grant's id as JSON, since '' is an id too. */
  readonly grant: string;
  /** JSON. */
  readonly index: string;
}

/** Fields in the order of every reply and argument list. */
export function fieldsOf({ value, version, consumed, expires, grant, index }: Row): string[] {
  return [value, version, consumed, expires, grant, index];
}

/** The record in a script's reply, if there is one in it. */
export function toRow(reply: unknown): Row | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [value = '', version = '', consumed = '', expires = '', grant = '', index = ''] = reply.map(String);
  return { value, version, consumed, expires, grant, index };
}

/** A write that never happened before: its version tells it from all others. */
export function newRow(value: StoredValue, { expiresAt, grantId, index = {} }: WriteOptions, now: number): Row {
  return {
    value: toJson(value),
    version: newVersion(now),
    consumed: '',
    expires: expiresAt === undefined ? '' : String(expiresAt),
    grant: grantId === undefined ? '' : grantText(grantId),
    index: Object.keys(index).length > 0 ? JSON.stringify(index) : '',
  };
}

/** @throws TypeError for what JSON cannot hold. */
function toJson(value: StoredValue): string {
  const json: unknown = JSON.stringify(value);
  if (typeof json !== 'string') throw new TypeError(`value must be an object, got ${typeof value}`);
  return json;
}

export function toRecord({ value, version, consumed, expires }: Row): StoredRecord {
  return {
    value: JSON.parse(value),
    version,
    ...(consumed !== '' && { consumedAt: Number(consumed.split(' ')[0]) }),
    ...(expires !== '' && { expiresAt: Number(expires) }),
  };
}

export function grantText(grantId: string): string {
  return JSON.stringify(grantId);
}

export function grantIdOf(grant: string): string {
  return JSON.parse(grant);
}

export function indexOf({ index }: Row): { readonly [name: string]: string } {
  return index === '' ? {} : JSON.parse(index);
}

/** The time it was made, in front, for {@link secondsSince}; the rest no two writes share. */
function newVersion(now: number): string {
  return `${Math.floor(now).toString(36)}.${uniqueText()}`;
}

/** How long ago a version was made. */
export function secondsSince(version: string, now: number): number {
  return now - Number.parseInt(version, 36);
}

const nextBytes = createRandomBytes(12);

export function uniqueText(): string {
  return nextBytes().toString('base64url');
}
