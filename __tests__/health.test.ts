import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createHealth, type HealthOptions } from '../lib/health.ts';
import { mcpOAuth, memoryStorage } from '../lib/index.ts';
import { type Issuer, parseIssuer } from '../lib/shared/issuer.ts';
import { StorageUnavailableError } from '../lib/storage/storage.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const rejecting = async () => Promise.reject(new StorageUnavailableError('down'));
const hanging = () => new Promise<never>(() => undefined);
const throwing = () => {
  throw new TypeError('a store of somebody else');
};

function health(changes: Partial<HealthOptions> & { ping?: () => Promise<void> } = {}) {
  const { ping, ...options } = changes;
  return createHealth({
    storage: { ...memoryStorage(), ...(ping && { ping }) },
    keyRing: async () => ({}) as never,
    provider: async () => ({}),
    issuer,
    isIdentityProviderReachable: () => true,
    ...options,
  })();
}

afterEach(() => {
  jest.useRealTimers();
});

describe('health', () => {
  test('is ok where storage answers and keys can be read', async () => {
    expect(await health()).toEqual({ ok: true, storage: true, keys: true, idp: true });
  });

  test.each([
    ['rejects', rejecting],
    ['throws at once', throwing],
  ])('says that storage does not answer where its ping %s, and does not fail itself', async (_what, ping) => {
    expect(await health({ ping })).toEqual({ ok: false, storage: false, keys: true, idp: true });
  });

  test.each([
    ['rejects', rejecting],
    ['throws at once', throwing],
  ])('says that keys cannot be read where the provider %s', async (_what, provider) => {
    expect(await health({ provider })).toEqual({ ok: false, storage: true, keys: false, idp: true });
  });

  test('looks at the key ring where there is no one issuer', async () => {
    expect(await health({ issuer: undefined, provider: rejecting })).toMatchObject({ ok: true, keys: true });
    expect(await health({ issuer: undefined, keyRing: rejecting })).toMatchObject({ ok: false, keys: false });
  });

  test('stays ok without the identity provider: only new logins need it (DESIGN 4.10)', async () => {
    expect(await health({ isIdentityProviderReachable: () => false })).toEqual({
      ok: true,
      storage: true,
      keys: true,
      idp: false,
    });
  });

  test.each([
    ['storage', { ping: hanging }],
    ['keys', { provider: hanging }],
  ])('answers after a second where %s hang', async (part, changes) => {
    jest.useFakeTimers();
    const answer = health(changes);
    let settled = false;
    void answer.then(() => {
      settled = true;
    });
    await jest.advanceTimersByTimeAsync(999);
    expect(settled).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(await answer).toMatchObject({ ok: false, [part]: false });
    expect(jest.getTimerCount()).toBe(0);
  });

  test('leaves no timer behind', async () => {
    jest.useFakeTimers();
    await health();
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('auth.health() tells of an outage and of its end', async () => {
  const storage = memoryStorage();
  const { ping, get } = storage;
  const url = 'http://127.0.0.1:3000';
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` },
    storage,
    secret: 'x'.repeat(32),
  });
  Object.assign(storage, { ping: rejecting, get: rejecting });
  expect(await auth.health()).toEqual({ ok: false, storage: false, keys: false, idp: true });
  Object.assign(storage, { ping, get });
  expect(await auth.health()).toEqual({ ok: true, storage: true, keys: true, idp: true });
  await auth.close();
});
