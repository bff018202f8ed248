import { describe, expect, it, jest } from '@jest/globals';
import { createTokenCache } from '../../lib/protected-resource/token-cache.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';

interface Token {
  readonly expiresAt: number;
}

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const live: Token = { expiresAt: Date.now() / 1000 + 900 };

describe('the memory of verified tokens', () => {
  it('gives a remembered token at once, without a promise and without a check', async () => {
    const check = jest.fn(async () => live);
    const cache = createTokenCache<Token, 'unknown'>(60, check);
    await cache.verify(issuer, 'token');

    expect(cache.verify(issuer, 'token')).toBe(live);
    expect(check).toHaveBeenCalledTimes(1);
  });

  it('remembers a token of one issuer for no other', async () => {
    const check = jest.fn(async () => live);
    const cache = createTokenCache<Token, 'unknown'>(60, check);
    await cache.verify(issuer, 'token');
    await cache.verify(parseIssuer('https://other.example.com') as Issuer, 'token');

    expect(check).toHaveBeenCalledTimes(2);
  });

  it('forgets a token that was being checked while everything was forgotten', async () => {
    let answer: (token: Token) => void = () => {};
    const check = jest.fn(() => new Promise<Token>((resolve) => (answer = resolve)));
    const cache = createTokenCache<Token, 'unknown'>(60, check);
    const checking = cache.verify(issuer, 'token');
    cache.forget();
    answer(live);
    await checking;

    expect(cache.verify(issuer, 'token')).toBeInstanceOf(Promise);
    expect(check).toHaveBeenCalledTimes(2);
  });

  it('shares a check that began after everything was forgotten, also when the one before has ended', async () => {
    const answers: ((token: Token) => void)[] = [];
    const check = jest.fn(() => new Promise<Token>((resolve) => void answers.push(resolve)));
    const cache = createTokenCache<Token, 'unknown'>(60, check);
    const before = cache.verify(issuer, 'token');
    cache.forget();
    const after = cache.verify(issuer, 'token');
    answers[0]?.(live);
    await before;

    expect(cache.verify(issuer, 'token')).toBe(after);
    expect(check).toHaveBeenCalledTimes(2);
  });

  it('counts from the start of a check, which may have read the grant long before it ended', async () => {
    jest.useFakeTimers({ now: 0 });
    try {
      const slow = createTokenCache<Token, 'unknown'>(5, async () => {
        jest.setSystemTime(5_000);
        return live;
      });
      await slow.verify(issuer, 'token');

      expect(slow.verify(issuer, 'token')).toBeInstanceOf(Promise);
    } finally {
      jest.useRealTimers();
    }
  });

  it('remembers nothing with a time of 0, and never a token that was refused', async () => {
    const none = createTokenCache<Token, 'unknown'>(0, async () => live);
    await none.verify(issuer, 'token');
    const refusing = createTokenCache<Token, 'unknown'>(60, async () => 'unknown');
    await refusing.verify(issuer, 'token');

    expect([none.verify(issuer, 'token'), refusing.verify(issuer, 'token')]).toEqual([
      expect.any(Promise),
      expect.any(Promise),
    ]);
  });
});
