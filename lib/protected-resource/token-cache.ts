import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';

const maxRemembered = 10_000;
const nowSeconds = () => Date.now() / 1000;

/** Checks tokens and remembers the good ones. */
export interface TokenCache<Token, Problem> {
  /** Not a promise where the token is remembered: the common request waits for nothing. */
  verify(issuer: Issuer, token: string): Token | Promise<Token | Problem>;
  /** Forgets everything remembered, also what is being checked now. */
  forget(): void;
}

/**
 * Remembers live tokens for `cacheSeconds`, never past their own end, under their SHA-256: a bounded number of them, and
 * nothing of tokens that were refused. A check that fails is not remembered either.
 * @param cacheSeconds 0 turns the memory off
 * @param check also gets the token's record id, which is its key here
 */
export function createTokenCache<Token extends { readonly expiresAt: number }, Problem extends string>(
  cacheSeconds: number,
  check: (issuer: Issuer, token: string, id: string) => Promise<Token | Problem>,
): TokenCache<Token, Problem> {
  const remembered = new Map<string, { token: Token; until: number }>();
  const pending = new Map<string, Promise<Token | Problem>>();
  let generation = 0;

  async function checkAndRemember(key: string, issuer: Issuer, token: string): Promise<Token | Problem> {
    const startedIn = generation;
    const startedAt = nowSeconds(); // The delay of a revocation counts from here: the grant may be read early in a check.
    try {
      const result = await check(issuer, token, key);
      if (typeof result === 'object' && cacheSeconds > 0 && startedIn === generation) {
        if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value as string);
        remembered.set(key, { token: result, until: Math.min(startedAt + cacheSeconds, result.expiresAt) });
      }
      return result;
    } finally {
      if (startedIn === generation) pending.delete(key); // Not the check that began after `forget`.
    }
  }

  return {
    verify(issuer, token) {
      const key = recordId(issuer, token);
      const known = remembered.get(key);
      if (known) {
        if (known.until > nowSeconds()) return known.token;
        remembered.delete(key);
      }
      // Requests that arrive together with one token share one check.
      const running = pending.get(key);
      if (running) return running;
      const checking = checkAndRemember(key, issuer, token);
      pending.set(key, checking);
      return checking;
    },
    forget() {
      generation += 1;
      remembered.clear();
      pending.clear();
    },
  };
}
