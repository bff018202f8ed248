import { hash, randomBytes } from 'node:crypto';
import { cookieNames } from '../shared/cookie-names.ts';
import { type Exchange, readCookies, setCookie } from '../shared/http.ts';
import { equalTexts } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * Something that goes on in one browser: a record under a random name, which only that browser may read. What it holds is
 * sealed.
 */
export interface BrowserRecords<Value extends object> {
  /** @returns the record's name */
  begin(exchange: Exchange, value: Value, ttlSeconds: number): Promise<string>;
  /** The record, where this browser began it and it has not ended. */
  peek(exchange: Exchange, name: string | null): Promise<Value | undefined>;
  /** The same, and ends it: of parallel attempts one gets it. */
  take(exchange: Exchange, name: string | null): Promise<Value | undefined>;
}

const namePattern = /^[A-Za-z0-9_-]{43}$/;
const digest = (secret: string) => hash('sha256', secret, 'base64url');
const random = () => randomBytes(32).toString('base64url');

export function createBrowserRecords<Value extends object>(
  kind: string,
  storage: Storage,
  keyRing: KeyRingSource,
  now: () => number = () => Date.now(),
): BrowserRecords<Value> {
  const cookieOf = ({ issuer }: Exchange, name: string) => cookieNames(issuer).connect(name);

  async function open(id: string, sealed: unknown): Promise<Value | undefined> {
    const text = (await keyRing()).open(`${kind}:${id}`, String(sealed));
    return text === undefined ? undefined : (JSON.parse(text) as Value);
  }

  /** The browser is checked first: a stranger who learnt the name cannot use the record up. */
  async function isOwn(exchange: Exchange, name: string, binding: unknown): Promise<boolean> {
    const secret = readCookies(exchange.req).get(cookieOf(exchange, name));
    return secret !== undefined && typeof binding === 'string' && equalTexts(digest(secret), binding);
  }

  return {
    async begin(exchange, value, ttlSeconds) {
      const [name, secret] = [random(), random()];
      const id = recordId(exchange.issuer, name);
      const sealed = (await keyRing()).seal(`${kind}:${id}`, JSON.stringify(value));
      const expiresAt = Math.floor(now() / 1000) + ttlSeconds;
      await storage.put(kind, id, { binding: digest(secret), sealed }, { expiresAt });
      setCookie(exchange.res, exchange.issuer, cookieOf(exchange, name), secret, ttlSeconds);
      return name;
    },
    async peek(exchange, name) {
      if (name === null || !namePattern.test(name)) return undefined;
      const id = recordId(exchange.issuer, name);
      const record = await storage.get(kind, id);
      if (!record || !(await isOwn(exchange, name, record.value.binding))) return undefined;
      return open(id, record.value.sealed);
    },
    async take(exchange, name) {
      if (name === null || !namePattern.test(name)) return undefined;
      const id = recordId(exchange.issuer, name);
      const seen = await storage.get(kind, id);
      if (!seen || !(await isOwn(exchange, name, seen.value.binding))) return undefined;
      const record = await storage.take(kind, id);
      if (!record) return undefined;
      setCookie(exchange.res, exchange.issuer, cookieOf(exchange, name), '', 0);
      return open(id, record.value.sealed);
    },
  };
}
