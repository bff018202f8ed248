import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { postForm, send } from '../helpers/oauth-client.ts';
import { type Cluster, secret, startCluster } from './cluster.ts';
import { callMcp, createPerson, outcomeOf, type Person, tokensOf } from './person.ts';
import { limitMs, record, rounds, tally } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

interface Flow {
  readonly startedAt: number;
  readonly endedAt: number;
  /** `ok`, or what went wrong. */
  readonly outcome: string;
}

/** How many requests a flow makes at least. */
const requestsOfFlow = 9;

/** Registers, signs in, redeems, refreshes and calls the MCP route. */
async function runFlow(url: string): Promise<Flow> {
  const startedAt = performance.now();
  const outcome = await (async () => {
    const person = await createPerson(url);
    const { refreshToken } = await person.tokens();
    const { accessToken } = tokensOf(await person.client.refresh(refreshToken));
    const { status } = await callMcp(url, accessToken);
    return status === 200 ? 'ok' : `MCP route: ${status}`;
  })().catch((error: Error) => error.message);
  return { startedAt, endedAt: performance.now(), outcome };
}

/** What a client sees whose connection ends before it is answered. */
const isConnectionLoss = (outcome: string) => /socket hang up|ECONNRESET/.test(outcome);

/** Ends of processes cost at most the requests that they were answering. */
export function restarts(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let assertionKey: CryptoKey;

  beforeAll(async () => {
    store = await startStore();
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    assertionKey = privateKey;
    const machine = {
      client_id: 'machine',
      redirect_uris: ['http://127.0.0.1:1/callback'],
      token_endpoint_auth_method: 'private_key_jwt' as const,
      jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'assertion' }] },
    };
    const gateway = { accessTokenFormat: 'jwt' as const, accessTokenTtlSeconds: 3600 };
    cluster = await startCluster({ store: store.address(), options: { clients: [machine], gateway } });
  });
  afterAll(async () => {
    await cluster?.close();
    await store?.close();
  });
  afterEach(() => {
    expect(cluster.events.filter(({ type }) => type === 'server.error' || type === 'storage.unavailable')).toEqual([]);
  });

  /** Starts flows at an even rate, does the work meanwhile, and waits for all of them. */
  async function flowsDuring(count: number, perSecond: number, work: () => Promise<void>): Promise<Flow[]> {
    const flows: Promise<Flow>[] = [];
    const working = pause(500).then(work);
    for (let flow = 0; flow < count; flow += 1) {
      flows.push(runFlow(cluster.url));
      await pause(1000 / perSecond);
    }
    await working;
    return Promise.all(flows);
  }

  async function expectWorking({ client, browser }: Person, accessToken: string, refreshToken: string): Promise<void> {
    expect((await callMcp(cluster.url, accessToken)).status).toBe(200);
    expect(outcomeOf(await client.refresh(refreshToken))).toBe('200');
    expect((await browser.get(client.authorizeUrl())).text).toContain('Signed in as alice');
  }

  it(
    'loses only the requests that a killed process was answering (F-10)',
    async () => {
      let killedAt = 0;
      const [count, rate] = [rounds(20, 2), rounds(8, 0.2)];
      const flows = await flowsDuring(count, rate, async () => {
        killedAt = performance.now();
        await cluster.kill(1);
      });
      await cluster.start(1);
      const failed = flows.filter(({ outcome }) => outcome !== 'ok');
      const outside = failed.filter(({ startedAt, endedAt }) => startedAt > killedAt + 2000 || endedAt < killedAt);
      record(
        'F-10',
        store.name,
        `${count} flows at ${rate}/s: ${failed.length} lost their connection, 0 other failures`,
      );
      expect(failed.filter(({ outcome }) => !isConnectionLoss(outcome))).toEqual([]);
      expect(outside).toEqual([]);
    },
    limitMs,
  );

  it(
    'loses nothing in a rolling restart of all processes (F-11)',
    async () => {
      const person = await createPerson(cluster.url);
      const { accessToken, refreshToken } = await person.tokens();
      const [count, rate] = [rounds(20, 2), rounds(8, 0.2)];
      const codes: (number | null)[] = [];
      const flows = await flowsDuring(count, rate, async () => {
        for (const index of [0, 1, 2]) {
          codes.push(await cluster.stop(index));
          await cluster.start(index);
        }
      });
      record('F-11', store.name, `${JSON.stringify(tally(flows.map(({ outcome }) => outcome)))} of ${count} flows`);
      expect(codes).toEqual([0, 0, 0]);
      const failed = flows.filter(({ outcome }) => outcome !== 'ok');
      expect(failed.filter(({ outcome }) => !isConnectionLoss(outcome))).toEqual([]);
      // Less than one request of a hundred may have to be sent again.
      expect(failed.length).toBeLessThan(count * requestsOfFlow * 0.01);
      await expectWorking(person, accessToken, refreshToken);
    },
    limitMs,
  );

  async function useAssertion(assertion: string): Promise<string> {
    return outcomeOf(
      await postForm(`${cluster.url}/oauth/token`, {
        client_id: 'machine',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        grant_type: 'refresh_token',
        refresh_token: 'unknown',
      }),
    );
  }

  it(
    'keeps clients, sessions and tokens when every process restarts, and refuses what was used before (F-12, F-13)',
    async () => {
      const times = rounds(1, 0.05);
      for (let round = 0; round < times; round += 1) {
        const person = await createPerson(cluster.url);
        const code = await person.code();
        const used = tokensOf(await person.client.redeem(code));
        const successor = tokensOf(await person.client.refresh(used.refreshToken)).refreshToken;
        const head = tokensOf(await person.client.refresh(successor)).refreshToken;
        const other = await createPerson(cluster.url);
        const kept = await other.tokens();
        const assertion = await new SignJWT({ jti: `once ${round} ${Math.random()}` })
          .setProtectedHeader({ alg: 'ES256', kid: 'assertion' })
          .setIssuer('machine')
          .setSubject('machine')
          .setAudience(cluster.url)
          .setIssuedAt()
          .setExpirationTime('1m')
          .sign(assertionKey);
        expect(await useAssertion(assertion)).toBe('400 invalid_grant');

        await cluster.restartAll();

        await expectWorking(other, kept.accessToken, kept.refreshToken);
        expect(await useAssertion(assertion)).toBe('401 invalid_client');
        expect(outcomeOf(await person.client.refresh(used.refreshToken))).toBe('400 invalid_grant');
        expect(outcomeOf(await person.client.refresh(head))).toBe('400 invalid_grant'); // The family ended.
        expect(outcomeOf(await person.client.redeem(code))).toBe('400 invalid_grant');
      }
      record('F-12', store.name, `${times} restarts: client, session, refresh token and JWT go on`);
      record('F-13', store.name, `${times} restarts: used code, rotated token and used assertion refused`);
    },
    limitMs,
  );

  describe('rotation', () => {
    it(
      'of the signing key fails no call, and publishes both keys (F-31)',
      async () => {
        const person = await createPerson(cluster.url);
        const old = await person.tokens();
        const kidOf = (token: string) => decodeProtectedHeader(token).kid;
        const outcomes: Promise<string>[] = [];
        let isOver = false;
        const calls = (async () => {
          while (!isOver) {
            outcomes.push(callMcp(cluster.url, old.accessToken).then(outcomeOf, (error: Error) => error.message));
            await pause(20);
          }
        })();
        const kids = async () => {
          const { json } = await send(`${cluster.url}/oauth/jwks`);
          return ((json?.keys ?? []) as { kid: string }[]).map(({ kid }) => kid);
        };
        /** Every process looks at its keys a minute after it did so last, beside a request. */
        const passTime = async (seconds: number) => {
          await cluster.moveClock(seconds);
          for (let turn = 0; turn < rounds(20, 2); turn += 1) {
            await kids();
            await pause(25);
          }
        };

        expect(await cluster.rotateKeys(0)).toEqual({ rotated: true });
        await passTime(61);
        const published = await Promise.all([kids(), kids(), kids()]);
        expect(published.map((list) => list.length)).toEqual([2, 2, 2]);
        expect(kidOf((await person.tokens()).accessToken)).toBe(kidOf(old.accessToken));

        await passTime(700); // The new key signs ten minutes after it was published.
        const fresh = await person.tokens();
        expect(kidOf(fresh.accessToken)).not.toBe(kidOf(old.accessToken));
        expect((await callMcp(cluster.url, fresh.accessToken)).status).toBe(200);
        expect(await kids()).toEqual(expect.arrayContaining([kidOf(fresh.accessToken), kidOf(old.accessToken)]));
        isOver = true;
        await calls;
        const counts = tally(await Promise.all(outcomes));
        record('F-31', store.name, `${JSON.stringify(counts)} calls at 50/s; JWKS lists both keys`);
        expect(counts).toEqual({ '200': outcomes.length });
        await cluster.moveClock(0);
      },
      limitMs,
    );

    it(
      'of the secret keeps sessions, tokens and signing keys, where the old one is still listed (F-32)',
      async () => {
        const [person, late] = [await createPerson(cluster.url), await createPerson(cluster.url)];
        const [kept, unseen] = [await person.tokens(), await late.tokens()];
        const next = 'another secret that every process has from now on';
        await cluster.restartAll({ secret: [next, secret] });
        await expectWorking(person, kept.accessToken, kept.refreshToken);
        await expectWorking(late, unseen.accessToken, unseen.refreshToken);
        record('F-32', store.name, 'cookies, tokens and signing keys of the old secret go on');
      },
      limitMs,
    );
  });
}
