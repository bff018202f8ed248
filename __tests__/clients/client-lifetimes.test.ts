import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { memoryStorage, type RegistrationOptions, type Storage } from '../../lib/index.ts';
import { moveClock } from '../federation/clock.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, createOAuthClient, type OAuthClient } from '../helpers/oauth-client.ts';

let gateway: Gateway;
let storage: Storage;
beforeEach(() => {
  storage = memoryStorage();
  moveClock(0); // It stands still until it is moved.
});
afterEach(async () => {
  jest.useRealTimers();
  await gateway.close();
});

async function start(registration: RegistrationOptions = {}): Promise<void> {
  gateway = await startGateway({
    options: () => ({ storage, registration }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true })),
  });
}

const outcome = ({ status, json }: Answer) => [status, json?.error];
const browser = () => createBrowser({ stopAt: (url) => !url.startsWith(gateway.url), now: () => Date.now() });
const open = (client: OAuthClient) => browser().get(client.authorizeUrl());
const tokens = async (client: OAuthClient) => (await client.redeem(await client.login(browser()))).json;

/** Gone for good: the token endpoint says so, and the person at the authorization endpoint reads what helps. */
async function expectGone(client: OAuthClient, refreshToken: unknown = 'none'): Promise<void> {
  expect(outcome(await client.refresh(String(refreshToken)))).toEqual([401, 'invalid_client']);
  const page = await open(client);
  expect([page.status, page.location]).toEqual([400, undefined]);
  expect(page.text).toMatch(/This application is not known here .* remove this server .* and add it again/);
}

describe('a client that never got a token', () => {
  it.each([
    ['a day, by default', undefined, 86_400],
    ['as long as unusedClientTtlSeconds says', 600, 600],
  ])(
    'lives %s, and is then told to register anew (RFC 7591 section 3.2.1, field problem 17)',
    async (_what, unusedClientTtlSeconds, seconds) => {
      await start(unusedClientTtlSeconds === undefined ? {} : { unusedClientTtlSeconds });
      const client = await createOAuthClient(gateway.url);
      moveClock(seconds - 1);
      expect((await open(client)).status).toBe(200);

      moveClock(2);

      await expectGone(client);
    },
  );

  it('does not live longer for being looked at, denied or misused', async () => {
    await start({ unusedClientTtlSeconds: 600 });
    const client = await createOAuthClient(gateway.url);
    moveClock(500);
    const page = await open(client);
    await browser().get(page.url);
    expect(outcome(await client.redeem('made-up'))).toEqual([400, 'invalid_grant']);
    moveClock(101);

    await expectGone(client);
  });
});

describe('a client that got a token', () => {
  it.each([
    ['90 days, by default', undefined, 7_776_000],
    ['as long as clientTtlSeconds says', 7200, 7200],
  ])('lives %s from its last one on (field problem 17)', async (_what, clientTtlSeconds, seconds) => {
    await start({ unusedClientTtlSeconds: 600, ...(clientTtlSeconds !== undefined && { clientTtlSeconds }) });
    const client = await createOAuthClient(gateway.url);
    const { refresh_token: refreshToken } = (await tokens(client)) ?? {};
    moveClock(seconds - 1);
    expect((await open(client)).status).toBe(200);

    moveClock(2);

    await expectGone(client, refreshToken);
  });

  it('lives on with every refresh, far beyond its first term (field problem 2)', async () => {
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const client = await createOAuthClient(gateway.url);
    let refreshToken = (await tokens(client))?.refresh_token;
    for (let hours = 0; hours < 10; hours += 1) {
      moveClock(3600);
      const { status, json } = await client.refresh(String(refreshToken));
      expect(status).toBe(200);
      refreshToken = json?.refresh_token;
    }

    moveClock(7201);

    await expectGone(client, refreshToken);
  });

  it('lives on with the last of many refreshes, not with the first (field problem 2)', async () => {
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const client = await createOAuthClient(gateway.url);
    let refreshToken = (await tokens(client))?.refresh_token;
    for (const seconds of [3599, 3600]) {
      moveClock(seconds);
      refreshToken = (await client.refresh(String(refreshToken))).json?.refresh_token;
    }
    moveClock(7200 - 720); // A tenth of its term may be missing: so often at most it is written down.

    expect((await client.refresh(String(refreshToken))).status).toBe(200);
  });

  it('is written down once in a tenth of its term, however often it refreshes', async () => {
    const replaced = jest.spyOn(storage, 'replace');
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const client = await createOAuthClient(gateway.url);
    let refreshToken = (await tokens(client))?.refresh_token;
    const writes: number[] = [];
    for (let minutes = 0; minutes < 36; minutes += 3) {
      moveClock(180);
      refreshToken = (await client.refresh(String(refreshToken))).json?.refresh_token;
      writes.push(replaced.mock.calls.filter(([kind]) => kind === 'Client').length);
    }

    expect(writes).toEqual([1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]);
  });

  it('keeps its secret while it lives', async () => {
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const client = await createOAuthClient(gateway.url, { token_endpoint_auth_method: 'client_secret_basic' });
    const { refresh_token: refreshToken } = (await tokens(client)) ?? {};
    moveClock(7000);

    expect((await client.refresh(String(refreshToken))).status).toBe(200);
  });

  it('does not keep others alive: two registrations of one name are two clients (field problem 17)', async () => {
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const used = await createOAuthClient(gateway.url, { client_name: 'Same' });
    const unused = await createOAuthClient(gateway.url, { client_name: 'Same' });
    await tokens(used);
    moveClock(601);

    expect((await open(used)).status).toBe(200);
    await expectGone(unused);
  });
});

describe('sweeping', () => {
  const registrations = 10_000;
  const batch = 1000;

  /** Lets the sweeper's timer run out: it fires once within two minutes. */
  async function sweepOnce(sweeps: readonly number[]): Promise<void> {
    const before = sweeps.length;
    jest.advanceTimersByTime(120_000);
    while (sweeps.length === before || (sweeps.at(-1) === batch && sweeps.length - before < 100))
      await new Promise((resolve) => setImmediate(resolve));
  }

  /** Fakes the sweeper's timer, too. */
  function holdTimers(): void {
    const real = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'nextTick'] as const;
    jest.useFakeTimers({ doNotFake: [...real, 'queueMicrotask', 'performance', 'hrtime'] });
  }

  /** Records what each sweep was allowed, and removed. */
  function watchSweeps(): { limits: number[]; sweeps: number[] } {
    const [limits, sweeps]: [number[], number[]] = [[], []];
    const { sweep } = storage;
    storage.sweep = async (before, limit) => {
      limits.push(limit);
      const removed = await sweep(before, limit);
      sweeps.push(removed);
      return removed;
    };
    return { limits, sweeps };
  }

  it('removes 10,000 registrations that were never used, in bounded steps, and leaves those that were (field problem 17)', async () => {
    holdTimers();
    const { limits, sweeps } = watchSweeps();
    await start({ unusedClientTtlSeconds: 600, clientTtlSeconds: 7200 });
    const used = await createOAuthClient(gateway.url);
    const { refresh_token: refreshToken } = (await tokens(used)) ?? {};
    const expiresAt = Math.floor(Date.now() / 1000) + 600;
    const ids = Array.from({ length: registrations }, (_, index) => `registration-${index}`);
    for (const id of ids) await storage.put('Client', id, { client_id: id }, { expiresAt });

    jest.setSystemTime(Date.now() + 601_000);
    await sweepOnce(sweeps);

    expect(sweeps.reduce((sum, removed) => sum + removed, 0)).toBeGreaterThanOrEqual(registrations);
    expect(new Set(limits)).toEqual(new Set([batch]));
    jest.setSystemTime(Date.now() - 601_000); // Removed, not only hidden: not even there before its end.
    expect((await Promise.all(ids.map((id) => storage.get('Client', id)))).filter(Boolean)).toEqual([]);
    expect((await used.refresh(String(refreshToken))).status).toBe(200);
  });

  it('stops after 100 batches, whatever is left, and goes on at the next turn (CWE-400)', async () => {
    holdTimers();
    const sweeps: number[] = [];
    storage.sweep = async () => {
      sweeps.push(batch);
      return batch;
    };
    await start();

    await sweepOnce(sweeps);
    expect(sweeps).toHaveLength(100);
    await sweepOnce(sweeps);
    expect(sweeps).toHaveLength(200);
  });
});
