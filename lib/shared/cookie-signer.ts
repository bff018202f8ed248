import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

/** Signs cookies in the form that oidc-provider's cookies ask of a keygrip. */
export interface CookieSigner {
  sign(text: string): string;
  /** Which key made a signature; -1 where none did. A cookie of an older key is signed anew. */
  index(text: string, signature: string): number;
  verify(text: string, signature: string): boolean;
}

/**
 * HMAC-SHA256, base64url. The keys are imported once: with keys as text, which keygrip takes, each signature costs five
 * times as much.
 * @param keys newest first
 */
export function createCookieSigner(keys: readonly [KeyObject, ...KeyObject[]]): CookieSigner {
  const digest = (key: KeyObject, text: string) => createHmac('sha256', key).update(text).digest('base64url');

  function index(text: string, signature: string): number {
    const given = Buffer.from(signature);
    return keys.findIndex((key) => {
      const expected = Buffer.from(digest(key, text));
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
  }

  return {
    sign: (text) => digest(keys[0], text),
    index,
    verify: (text, signature) => index(text, signature) >= 0,
  };
}
