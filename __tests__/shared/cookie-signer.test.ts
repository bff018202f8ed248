import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createCookieSigner } from '../../lib/shared/cookie-signer.ts';

const key = (text: string) => createSecretKey(Buffer.from(text));
const signer = createCookieSigner([key('new'), key('old')]);

describe('signatures of cookies', () => {
  it('hold for the exact cookie alone', () => {
    const signature = signer.sign('session=a');

    expect(signer.verify('session=a', signature)).toBe(true);
    expect(signer.verify('session=b', signature)).toBe(false);
    expect(signer.verify('session=a', `${signature}A`)).toBe(false);
    expect(signer.verify('session=a', '')).toBe(false);
    expect(signer.verify('session=a', 'é'.repeat(signature.length))).toBe(false);
  });

  it('tell which key made them, so that a cookie of an older one is signed anew', () => {
    expect(signer.index('session=a', createCookieSigner([key('old')]).sign('session=a'))).toBe(1);
    expect(signer.index('session=a', signer.sign('session=a'))).toBe(0);
    expect(signer.index('session=a', createCookieSigner([key('other')]).sign('session=a'))).toBe(-1);
  });

  it('need no escaping in a cookie (RFC 6265 section 4.1.1)', () => {
    expect(signer.sign('session=a')).toMatch(/^[\w-]{43}$/);
  });
});
