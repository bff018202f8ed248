import { describe, expect, it } from '@jest/globals';
import type { IdentityProvider, Refreshed } from '../../lib/federation/identity-provider.ts';
import { LoginError } from '../../lib/federation/login-error.ts';
import { createProviderSessions } from '../../lib/federation/provider-sessions.ts';
import { memoryStorage } from '../../lib/index.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';
import { createEvents } from '../../lib/shared/events.ts';
import { accountIdOf, createIdentities, type Identity } from '../../lib/shared/identity.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createProviderTokenVault } from '../../lib/shared/provider-tokens.ts';
import { createKeyRingSource } from '../../lib/shared/secrets.ts';
import { signInKey } from '../../lib/shared/sign-ins.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;
const alice: Identity = { iss: 'https://idp.example', sub: 'alice', roles: [], claims: {} };
const { login } = resolveOptions({
  oidc: { issuer: alice.iss },
  browserLogin: { clientId: 'id', clientSecret: 'secret', offlineAccess: true },
});

/** Sessions of one replica over a store that they may share. @param refresh the identity provider */
async function startSessions(
  refresh: () => Promise<Refreshed>,
  { storage = memoryStorage(), now = () => Date.now(), maxWaitMs = 5_000 } = {},
) {
  const events = createEvents(undefined);
  const reasons: string[] = [];
  events.on('*', ({ reason = '' }) => void reasons.push(reason));
  const keyRing = createKeyRingSource(storage, ['a secret of the tests, long enough for all'], events);
  const vault = createProviderTokenVault({ storage, keyRing, lifetimeSeconds: 1_000, now });
  const key = signInKey(issuer, 'sign-in');
  const ended: string[] = [];
  const sessions = createProviderSessions(login, {
    storage,
    vault,
    identities: createIdentities(storage, 1_000, now),
    events,
    signInOf: async () => key,
    endSignIn: async (name) => void ended.push(name),
    identityProvider: () => ({ refresh }) as unknown as IdentityProvider,
    maxWaitMs,
    now,
  });
  if (!(await vault.find(key))) {
    const tokens = { accessToken: 'access-0', refreshToken: 'refresh-0', idToken: 'id-0', idTokenExpiresAt: 1 };
    await sessions.keep(issuer, 'sign-in', { tokens, accountId: accountIdOf(alice), provider: undefined });
  }
  return { sessions, storage, vault, key, ended, reasons, confirm: () => sessions.confirm(issuer, 'grant') };
}

/** A promise that the test settles. */
function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let settle = (_: T) => {};
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle(value) };
}

const renewed: Refreshed = { identity: alice, tokens: { accessToken: 'access-1', refreshToken: 'refresh-1' } };

describe('the question to the identity provider', () => {
  it('is not waited for longer than a client waits, but its answer is kept: rotated tokens are not lost', async () => {
    let answer = (_: Refreshed) => {};
    const asked = new Promise<Refreshed>((resolve) => {
      answer = resolve;
    });
    const { confirm, reasons, storage, vault, key } = await startSessions(() => asked, { maxWaitMs: 1 });
    expect(await confirm()).toEqual({ kind: 'unconfirmed' });
    expect(reasons).toEqual(['the identity provider takes too long']);

    const released = new Promise<void>((resolve) => {
      const { replace } = storage;
      storage.replace = async (kind, ...record) => {
        const isReplaced = await replace(kind, ...record);
        if (kind === 'ProviderRefresh') resolve();
        return isReplaced;
      };
    });
    answer(renewed);
    await released;
    // The ID token of the login stays until a newer one comes.
    expect((await vault.find(key))?.tokens).toEqual({ ...renewed.tokens, idToken: 'id-0', idTokenExpiresAt: 1 });
  });

  it('is asked by another replica once the one that asked has died', async () => {
    let time = Date.now();
    const now = () => time;
    const storage = memoryStorage({ now: () => time / 1_000 });
    const never = await startSessions(() => new Promise(() => {}), { storage, now, maxWaitMs: 1 });
    expect(await never.confirm()).toEqual({ kind: 'unconfirmed' });
    const other = await startSessions(async () => renewed, { storage, now });
    time += 60_000;

    expect(await other.confirm()).toEqual({ kind: 'confirmed' });
  });

  it('fails the refresh where the store does not answer, and nobody is signed out', async () => {
    const { confirm, storage, ended } = await startSessions(async () => renewed);
    storage.replace = () => Promise.reject(new Error('the store is away'));

    await expect(confirm()).rejects.toThrow('the store is away');
    expect(ended).toEqual([]);
  });

  it.each(['invalid_grant', 'bad_refresh_token'])(
    'ends the login where it is refused by %s (GitHub)',
    async (error) => {
      const { confirm, ended, key } = await startSessions(() =>
        Promise.reject(new LoginError({ reason: 'provider_refused_refresh', error })),
      );

      expect(await confirm()).toEqual({ kind: 'ended', reason: `provider_refused_refresh: ${error}` });
      expect(ended).toEqual([key]);
    },
  );

  it('keeps the rotated refresh token where nothing else of the answer holds (RFC 6749 section 6)', async () => {
    const problem = new LoginError({ reason: 'identity_hook_failed', detail: 'mapIdentity: down' });
    const { confirm, vault, key, ended, reasons } = await startSessions(async () => ({
      identity: undefined,
      tokens: { accessToken: 'access-0', refreshToken: 'refresh-1', idToken: 'id-0', idTokenExpiresAt: 1 },
      problem,
    }));

    expect(await confirm()).toEqual({ kind: 'unconfirmed' });
    expect((await vault.find(key))?.tokens.refreshToken).toBe('refresh-1');
    expect([ended, reasons]).toEqual([[], ['identity_hook_failed: mapIdentity: down']]);
  });

  it.each<[string, Partial<Refreshed>, string]>([
    ['its word', {}, 'confirmed'],
    ['nothing but tokens', { problem: new LoginError({ reason: 'id_token_missing' }) }, 'unconfirmed'],
  ])('gives another replica that waits %s', async (_what, answered, kind) => {
    const storage = memoryStorage();
    const question = deferred<void>();
    const answer = deferred<Refreshed>();
    const ask = () => {
      question.resolve();
      return answer.promise;
    };
    const first = await startSessions(ask, { storage });
    const other = await startSessions(() => Promise.reject(new Error('asked twice')), { storage });
    const asking = first.confirm();
    await question.promise;
    const held = deferred<void>();
    const { get } = storage;
    storage.get = (of, id) => {
      if (of === 'ProviderRefresh') held.resolve();
      return get(of, id);
    };
    const waiting = other.confirm();
    await held.promise;
    answer.resolve({ ...renewed, ...answered });

    expect([await asking, await waiting]).toEqual([{ kind }, { kind }]);
  });
});
