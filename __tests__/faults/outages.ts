import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type Answer, createOAuthClient, postForm, register, send } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, createPerson, outcomeOf, type Person, type Tokens } from './person.ts';
import { limitMs, parallel, record, rounds, until, withinMs } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

/** How long one call of the store may take here. */
const timeoutMs = 1000;

const isUp = async (url: string) => (await send(`${url}/health`)).status === 200;

/** While the store cannot answer, nobody is told that a token, client or login is wrong; afterwards everything goes on. */
export function outages(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let person: Person;
  let confidential: Person;

  beforeAll(async () => {
    store = await startStore();
    await store.stop();
    cluster = await startCluster({ store: store.address(timeoutMs) });
  });
  afterAll(async () => {
    await cluster?.close();
    await store?.close();
  });
  afterEach(() => {
    expect(cluster.events.filter(({ type }) => type === 'server.error')).toEqual([]);
  });

  /** One request to everything that needs the store, all at once. */
  async function everyRequest(tokens: Tokens, code: string): Promise<Record<string, Answer & { tookMs: number }>> {
    const { client, browser } = person;
    const requests: Record<string, () => Promise<Answer>> = {
      refresh: () => client.refresh(tokens.refreshToken),
      redeem: () => client.redeem(code),
      revoke: () => client.revoke(tokens.refreshToken),
      introspect: () => confidential.client.introspect(tokens.accessToken),
      register: () => register(cluster.url, { redirect_uris: ['http://127.0.0.1:1/callback'] }),
      'client secret': () =>
        postForm(`${cluster.url}/oauth/token`, {
          client_id: confidential.client.clientId,
          client_secret: confidential.client.clientSecret,
          grant_type: 'refresh_token',
          refresh_token: 'unknown',
        }),
      authorize: () =>
        browser.get(client.authorizeUrl()).then((page) => ({ ...page, json: undefined, text: page.html })),
      'MCP route': () => callMcp(cluster.url, tokens.accessToken),
    };
    const answers = Object.entries(requests).map(async ([name, request]) => {
      const start = performance.now();
      const answer = await request();
      return [name, { ...answer, tookMs: Math.round(performance.now() - start) }] as const;
    });
    return Object.fromEntries(await Promise.all(answers));
  }

  function expectUnavailable(answers: Record<string, Answer>): void {
    const told = Object.entries(answers).map(([name, { status, headers, text }]) => ({
      name,
      status,
      retries: Number(headers.get('retry-after')) > 0,
      says: text.includes('temporarily_unavailable'),
    }));
    const names = Object.keys(answers);
    expect(told).toEqual(names.map((name) => ({ name, status: 503, retries: true, says: true })));
  }

  it(
    'answers 503 when the store is down at the start, and serves without a restart once it is up (F-14)',
    async () => {
      const answers = await parallel(3, () =>
        register(cluster.url, { redirect_uris: ['http://127.0.0.1:1/callback'] }),
      );
      expect(answers.map(outcomeOf)).toEqual(Array(3).fill('503 temporarily_unavailable'));
      expect(answers.map(({ headers }) => Number(headers.get('retry-after')) > 0)).toEqual([true, true, true]);
      expect((await send(`${cluster.url}/health`)).status).toBe(503);
      expect((await callMcp(cluster.url, 'x'.repeat(43))).status).toBe(503);
      await store.restart();
      const tookMs = await until(async () => (await parallel(3, () => isUp(cluster.url))).every(Boolean), 10_000);
      person = await createPerson(cluster.url);
      expect(outcomeOf(await person.client.refresh((await person.tokens()).refreshToken))).toBe('200');
      const withSecret = { token_endpoint_auth_method: 'client_secret_post' };
      confidential = await createPerson(cluster.url, await createOAuthClient(cluster.url, withSecret));
      record('F-14', store.name, `503 from all, then served ${tookMs} ms after the start of the store`);
      expect(tookMs).toBeLessThan(withinMs(2000));
    },
    limitMs,
  );

  it(
    'answers 503 to everything while the store is stopped, and goes on within two seconds of its return (F-15, F-17)',
    async () => {
      const took: number[] = [];
      for (let round = 0; round < rounds(2, 0.1); round += 1) {
        const tokens = await person.tokens();
        const code = await person.code();
        await store.stop();
        for (let turn = 0; turn < 3; turn += 1) expectUnavailable(await everyRequest(tokens, code));
        await store.restart();
        const tookMs = await until(async () => (await callMcp(cluster.url, tokens.accessToken)).status === 200, 10_000);
        took.push(tookMs);
        expect(await parallel(6, async () => (await callMcp(cluster.url, tokens.accessToken)).status)).toEqual(
          Array(6).fill(200),
        );
        // Nothing was used up meanwhile.
        expect(outcomeOf(await person.client.redeem(code))).toBe('200');
        expect(outcomeOf(await person.client.refresh(tokens.refreshToken))).toBe('200');
      }
      record('F-15', store.name, `${took.length} outages: 503 with Retry-After from all 8 kinds of request`);
      record('F-17', store.name, `${took.length} outages: back after at most ${Math.max(...took)} ms`);
      expect(Math.max(...took)).toBeLessThan(withinMs(2000));
    },
    limitMs,
  );

  it(
    'answers 503 within the time limit and a second while the store hangs, and goes on afterwards (F-18)',
    async () => {
      let longest = 0;
      for (let round = 0; round < rounds(1, 0.05); round += 1) {
        const tokens = await person.tokens();
        const code = await person.code();
        store.pause();
        try {
          const answers = await everyRequest(tokens, code);
          expectUnavailable(answers);
          longest = Math.max(longest, ...Object.values(answers).map(({ tookMs }) => tookMs));
          // As many again as there are connections: none of them may be waited for.
          const many = await parallel(60, () => callMcp(cluster.url, tokens.accessToken));
          expect(new Set(many.map(outcomeOf))).toEqual(new Set(['503 temporarily_unavailable']));
        } finally {
          store.resume();
        }
        await until(async () => (await callMcp(cluster.url, tokens.accessToken)).status === 200, 10_000);
        const after = await parallel(30, () => callMcp(cluster.url, tokens.accessToken));
        expect(new Set(after.map(outcomeOf))).toEqual(new Set(['200']));
      }
      record('F-18', store.name, `limit ${timeoutMs} ms: longest answer ${longest} ms, all 503`);
      expect(longest).toBeLessThan(withinMs(timeoutMs + 1000));
    },
    limitMs,
  );
}
