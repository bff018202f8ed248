import { beforeEach, describe, expect, test } from '@jest/globals';
import { memoryStorage, type Storage, StorageUnavailableError } from '../../lib/index.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { reencrypt } from '../../lib/shared/reencrypt.ts';
import { createVault, type Renew, type UpstreamTokens, type Vault, type VaultKey } from '../../lib/upstream/vault.ts';
import { sealedUpstreamTokens } from '../../lib/upstream/vault-records.ts';

const issuer = parseIssuer('https://gateway.example.com') as Issuer;
const ring = createKeyRing(['a secret of this test, which is long enough']);
const key: VaultKey = { issuer, account: 'alice', upstream: 'files' };
const otherKey: VaultKey = { ...key, account: 'bob' };

let seconds: number;
let storage: Storage;
let vault: Vault;

const processOn = (store: Storage) =>
  createVault(
    store,
    async () => ring,
    () => seconds * 1000,
  );

function tokens(name: string, lifetime = 600): UpstreamTokens {
  return {
    accessToken: `access-${name}`,
    refreshToken: `refresh-${name}`,
    issuedAt: seconds,
    connectedAt: seconds,
    expiresAt: seconds + lifetime,
    scopes: ['files:read'],
    authorizationServer: 'https://as.example.com',
    clientId: 'gateway',
  };
}

/** Counts its calls and gives what the test says. */
function renewing(outcome: () => Awaited<ReturnType<Renew>>): { renew: Renew; calls: UpstreamTokens[] } {
  const calls: UpstreamTokens[] = [];
  return {
    calls,
    renew: async (current) => {
      if (current) calls.push(current);
      return outcome();
    },
  };
}

const never: Renew = async () => {
  throw new Error('nothing was to be renewed');
};

beforeEach(() => {
  seconds = 1_800_000_000;
  storage = memoryStorage({ now: () => seconds });
  vault = processOn(storage);
});

describe('kept tokens', () => {
  test('are given to their user at their upstream and to nobody else', async () => {
    await vault.put(key, tokens('one'));
    expect(await vault.get(key, { renew: never })).toMatchObject({
      kind: 'tokens',
      tokens: { accessToken: 'access-one' },
    });
    for (const other of [
      otherKey,
      { ...key, upstream: 'wiki' },
      { ...key, issuer: parseIssuer('https://b.example') as Issuer },
    ]) {
      expect(await vault.get(other, { renew: never })).toEqual({ kind: 'missing' });
    }
  });

  test('are not readable in the store, nor under another record', async () => {
    const written: [string, unknown][] = [];
    const spying: Storage = {
      ...storage,
      put: (kind, id, value, options) => {
        written.push([id, value]);
        return storage.put(kind, id, value, options);
      },
    };
    await processOn(spying).put(key, tokens('one'));
    expect(JSON.stringify(written)).not.toMatch(/access-one|refresh-one|alice/);
    const [[, value]] = written as [[string, Record<string, unknown>]];
    // A record that somebody copied to another user opens for nobody.
    await processOn(spying).put(otherKey, tokens('two'));
    const [otherId] = written[1] as [string, unknown];
    await storage.put('UpstreamToken', otherId, value);
    expect(await vault.get(otherKey, { renew: never })).toEqual({ kind: 'missing' });
  });

  test('are listed for their user and forgotten on demand, with what is to be revoked', async () => {
    await vault.put(key, tokens('one'));
    await vault.put(otherKey, tokens('two'));
    expect(await vault.list(issuer, 'alice')).toEqual([{ upstream: 'files', connectedAt: seconds }]);
    expect(await vault.remove(key)).toMatchObject({ refreshToken: 'refresh-one' });
    expect(await vault.remove(key)).toBeUndefined();
    expect(await vault.list(issuer, 'alice')).toEqual([]);
    expect(await vault.has(otherKey)).toBe(true);
  });
});

test('a connection whose token never ends is kept as long as it is used', async () => {
  const { refreshToken: _, expiresAt: __, ...endless } = tokens('one');
  await vault.put(key, endless);
  for (let month = 0; month < 12; month += 1) {
    seconds += 31 * 86_400;
    expect(await vault.get(key, { renew: never })).toMatchObject({ tokens: { accessToken: 'access-one' } });
  }
  expect(await vault.list(issuer, 'alice')).toHaveLength(1);
  seconds += 181 * 86_400;
  expect(await vault.get(key, { renew: never })).toEqual({ kind: 'missing' });
});

describe('a token is renewed', () => {
  test('when it has expired, once for all calls of two processes', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const calls: unknown[] = [];
    const renew: Renew = async (current) => {
      calls.push(current?.refreshToken);
      await held;
      return { kind: 'renewed', tokens: tokens('new') };
    };
    const other = processOn(storage);
    const answers = Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? vault : other).get(key, { renew })),
    );
    release();
    expect(new Set((await answers).map((answer) => answer.kind === 'tokens' && answer.tokens.accessToken))).toEqual(
      new Set(['access-new']),
    );
    expect(calls).toEqual(['refresh-old']);
  });

  test('ahead of its end, while calls go on with the old one', async () => {
    await vault.put(key, tokens('old'));
    seconds += 550;
    const { renew, calls } = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    expect(await vault.get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-old' } });
    const isNew = async () => {
      const answer = await vault.get(key, { renew });
      return answer.kind === 'tokens' && answer.tokens.accessToken === 'access-new';
    };
    while (!(await isNew()));
    expect(calls.length).toBe(1);
  });

  test('when the upstream refused it, unless somebody else has renewed it meanwhile', async () => {
    await vault.put(key, tokens('old'));
    const { renew, calls } = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    const request = { renew, refused: 'access-old' };
    expect(await vault.get(key, request)).toMatchObject({ tokens: { accessToken: 'access-new' } });
    expect(await vault.get(key, request)).toMatchObject({ tokens: { accessToken: 'access-new' } });
    expect(calls.length).toBe(1);
  });

  test('and written before the next one may ask, also when the store is away for a moment', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    let failures = 2;
    const flaky: Storage = {
      ...storage,
      replace: async (...parameters) => {
        failures -= 1;
        if (failures >= 0) throw new StorageUnavailableError('away');
        return storage.replace(...parameters);
      },
    };
    const { renew, calls } = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    expect(await processOn(flaky).get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-new' } });
    expect(await vault.get(key, { renew })).toMatchObject({ tokens: { refreshToken: 'refresh-new' } });
    expect(calls.length).toBe(1);
  });

  test('by another process when the one that began has died', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    const begun = new Promise<void>((resolve) => {
      void vault.get(key, { renew: () => new Promise(() => resolve()) });
    });
    await begun;
    seconds += 46;
    const { renew } = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    expect(await processOn(storage).get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-new' } });
  });
});

describe('a renewal that came to nothing', () => {
  test('keeps everything, and nobody asks again before it is time', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    const { renew, calls } = renewing(() => ({
      kind: 'failed',
      reason: 'unreachable: status 503',
      retryAfterSeconds: 30,
    }));
    for (const process of [vault, processOn(storage), vault]) {
      const answer = await process.get(key, { renew });
      expect(answer).toEqual({
        kind: 'unavailable',
        reason: 'unreachable: status 503',
        retryAfterSeconds: 30,
        isFinal: false,
      });
    }
    expect(calls.length).toBe(1);
    seconds += 31;
    const again = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    expect(await vault.get(key, again)).toMatchObject({ tokens: { accessToken: 'access-new' } });
    expect(again.calls.map(({ refreshToken }) => refreshToken)).toEqual(['refresh-old']);
  });

  test('does not matter while the token still works', async () => {
    await vault.put(key, tokens('old'));
    seconds += 550;
    const { renew } = renewing(() => ({ kind: 'failed', reason: 'unreachable', retryAfterSeconds: 5 }));
    for (let time = 0; time < 3; time += 1) {
      expect(await vault.get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-old' } });
    }
  });

  test('because the grant has ended asks that user to connect again, and no other one', async () => {
    await vault.put(key, tokens('old'));
    await vault.put(otherKey, tokens('other', 10_000));
    seconds += 601;
    const { renew, calls } = renewing(() => ({ kind: 'ended', reason: 'invalid_grant' }));
    expect(await vault.get(key, { renew })).toEqual({ kind: 'missing' });
    expect(await vault.get(key, { renew })).toEqual({ kind: 'missing' });
    expect([calls.length, await vault.has(key)]).toEqual([1, false]);
    expect(await vault.get(otherKey, { renew: never })).toMatchObject({ tokens: { accessToken: 'access-other' } });
  });

  test('by a defect leaves the next call free to try', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    await expect(vault.get(key, { renew: never })).rejects.toThrow('nothing was to be renewed');
    const { renew } = renewing(() => ({ kind: 'renewed', tokens: tokens('new') }));
    expect(await vault.get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-new' } });
  });
});

test('tokens that come without the user are asked for anew where those kept cannot be read any more', async () => {
  await vault.put(key, tokens('one'));
  const other = createKeyRing(['another secret of this test, which is long enough']);
  const later = createVault(
    storage,
    async () => other,
    () => seconds * 1000,
  );
  const { renew } = renewing(() => ({ kind: 'renewed', tokens: tokens('two') }));
  expect(await later.get(key, { renew: never })).toEqual({ kind: 'missing' });
  expect(await later.get(key, { renew, canStart: true })).toMatchObject({ tokens: { accessToken: 'access-two' } });
  expect(await later.get(key, { renew: never })).toMatchObject({ tokens: { accessToken: 'access-two' } });
});

test('tokens that are sealed anew under another secret during a renewal are not taken for changed ones', async () => {
  await vault.put(key, tokens('old'));
  seconds += 601;
  const next = createKeyRing([
    'the next secret of this test, which is long',
    'a secret of this test, which is long enough',
  ]);
  const beside = createVault(
    storage,
    async () => next,
    () => seconds * 1000,
  );
  const resealing = renewing(() => ({ kind: 'renewed', tokens: tokens('rotated') }));
  const answer = await beside.get(key, {
    renew: async (current) => {
      expect(await reencrypt(storage, next, [sealedUpstreamTokens])).toEqual({ resealed: 1, left: 0 });
      return resealing.renew(current);
    },
  });
  expect(answer).toMatchObject({ tokens: { accessToken: 'access-rotated' } });
  expect(await beside.get(key, { renew: never })).toMatchObject({ tokens: { refreshToken: 'refresh-rotated' } });
  expect(await beside.list(issuer, 'alice')).toEqual([{ upstream: 'files', connectedAt: seconds }]);
});

test('a lease that another process took over is not released by the one that stood still', async () => {
  await vault.put(key, tokens('old'));
  seconds += 601;
  const { get } = storage;
  const { renew } = renewing(() => {
    storage.get = async (kind, id) => {
      const record = await get(kind, id);
      if (kind !== 'UpstreamLease') return record;
      storage.get = get;
      // Between the look at the lease and its release.
      await storage.put(kind, id, { holder: 'another' }, { expiresAt: seconds + 45 });
      return record;
    };
    return { kind: 'renewed', tokens: tokens('new') };
  });
  const leases: unknown[] = [];
  const { replace } = storage;
  storage.replace = async (kind, id, ...rest) => {
    const isReplaced = await replace(kind, id, ...rest);
    if (kind === 'UpstreamLease') leases.push([isReplaced, (await get(kind, id))?.value]);
    return isReplaced;
  };
  expect(await vault.get(key, { renew })).toMatchObject({ tokens: { accessToken: 'access-new' } });
  expect(leases).toEqual([[false, { holder: 'another' }]]);
});

test('a connection made while a renewal is under way wins over it', async () => {
  await vault.put(key, tokens('old'));
  seconds += 601;
  let finish = () => {};
  const begun = new Promise<{ answer: ReturnType<Vault['get']> }>((resolve) => {
    const answer = vault.get(key, {
      renew: async () => {
        await new Promise<void>((go) => {
          finish = go;
          queueMicrotask(() => resolve({ answer }));
        });
        return { kind: 'renewed', tokens: tokens('stale') };
      },
    });
  });
  const { answer } = await begun;
  await vault.put(key, tokens('reconnected'));
  finish();
  expect(await answer).toMatchObject({ tokens: { accessToken: 'access-reconnected' } });
  expect(await vault.get(key, { renew: never })).toMatchObject({ tokens: { accessToken: 'access-reconnected' } });
});

describe('tokens that come too late', () => {
  /** A renewal during which something else happens to the connection. */
  async function renewWhile(change: () => Promise<unknown>): Promise<{ answer: unknown; discarded: string[] }> {
    const discarded: string[] = [];
    await vault.put(key, tokens('old'));
    seconds += 601;
    const answer = await vault.get(key, {
      renew: async () => {
        await change();
        return { kind: 'renewed', tokens: tokens('late') };
      },
      discard: async ({ accessToken }) => void discarded.push(accessToken),
    });
    return { answer, discarded };
  }

  test('for a connection that was ended meanwhile are ended, too, and kept nowhere', async () => {
    const { answer, discarded } = await renewWhile(() => vault.remove(key));
    expect([answer, discarded]).toEqual([{ kind: 'missing' }, ['access-late']]);
    expect(await vault.has(key)).toBe(false);
  });

  test('for a connection that was made anew meanwhile are left alone: there are servers that end both', async () => {
    const { answer, discarded } = await renewWhile(() => vault.put(key, tokens('reconnected')));
    expect([answer, discarded]).toEqual([expect.objectContaining({ kind: 'tokens' }), []]);
  });

  test('and could not be written before the connection was ended are what is ended', async () => {
    await vault.put(key, tokens('old'));
    seconds += 601;
    const replace = storage.replace.bind(storage);
    storage.replace = async (kind, ...rest) => {
      if (kind === 'UpstreamToken') throw new StorageUnavailableError('down');
      return replace(kind, ...rest);
    };
    const { renew } = renewing(() => ({ kind: 'renewed', tokens: tokens('unwritten') }));
    await expect(vault.get(key, { renew })).rejects.toThrow(StorageUnavailableError);
    storage.replace = replace;
    expect(await vault.remove(key)).toMatchObject({ refreshToken: 'refresh-unwritten' });
    expect(await vault.get(key, { renew: never })).toEqual({ kind: 'missing' });
  });
});

describe('an upstream that refuses every token', () => {
  /** One call: the kept token is refused, and so is every one that comes for it. @returns how many renewals there were */
  async function callRefused(): Promise<number> {
    const held = await vault.get(key, { renew: never });
    if (held.kind !== 'tokens') throw new Error(held.kind);
    const { renew, calls } = renewing(() => ({
      kind: 'renewed',
      tokens: tokens(`after ${seconds} ${Math.random()}`, 1e6),
    }));
    await vault.get(key, { renew, refused: held.tokens.accessToken });
    return calls.length;
  }
  const total = async (calls: number, everySeconds: number) => {
    let renewals = 0;
    for (let call = 0; call < calls; call += 1) {
      renewals += await callRefused();
      seconds += everySeconds;
    }
    return renewals;
  };

  test('costs three renewals, then one after ever longer pauses, in every process', async () => {
    await vault.put(key, tokens('first', 1e6));
    expect(await total(20, 0)).toBe(3);
    const { renew } = renewing(() => ({ kind: 'renewed', tokens: tokens('never') }));
    const held = await vault.get(key, { renew: never });
    const refused = held.kind === 'tokens' ? held.tokens.accessToken : '';
    expect(await processOn(storage).get(key, { renew, refused })).toEqual({ kind: 'refused' });
    // An hour of one call each second: 10 s, 20 s, 40 s ... then every 15 minutes.
    expect(await total(3600, 1)).toBeLessThan(12);
  });

  test('is believed again after a quiet time, and after a new connection', async () => {
    await vault.put(key, tokens('first', 1e6));
    expect(await total(5, 0)).toBe(3);
    seconds += 3600;
    expect(await total(5, 0)).toBe(3);
    await vault.put(key, tokens('again', 1e6));
    expect(await total(5, 0)).toBe(3);
  });
});
