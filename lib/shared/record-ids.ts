import { hash } from 'node:crypto';
import type { Issuer } from './issuer.ts';

/** One request asks several times for the same few ids. They are forgotten with the turn of the event loop: tokens are among them. */
const recent = new Map<string, { readonly tag: string; readonly id: string }>();
const forgetAll = () => recent.clear();

/**
 * Storage id of a record: partitioned by issuer, and a SHA-256 of the identifier, so that tokens, session ids and codes
 * never stand in a store and no caller's text becomes a key.
 */
export function recordId({ tag }: Pick<Issuer, 'tag'>, identifier: string): string {
  const known = recent.get(identifier);
  if (known?.tag === tag) return known.id;
  const id = `${tag}:${hash('sha256', identifier, 'base64url')}`;
  if (recent.size === 0) setImmediate(forgetAll);
  recent.set(identifier, { tag, id });
  return id;
}
