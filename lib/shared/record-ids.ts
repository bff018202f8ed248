import { hash } from 'node:crypto';
import type { Issuer } from './issuer.ts';

/**
 * Storage id of a record: partitioned by issuer, and a SHA-256 of the identifier, so that tokens, session ids and codes
 * never stand in a store and no caller's text becomes a key.
 */
export function recordId(issuer: Pick<Issuer, 'tag'>, identifier: string): string {
  return `${issuer.tag}:${hash('sha256', identifier, 'base64url')}`;
}
