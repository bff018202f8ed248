import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from '../helpers/browser.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, codeOf, createPerson, outcomeOf, type Person, tokensOf } from './person.ts';
import { limitMs, parallel, record, rounds } from './rounds.ts';
import { type SlowRelay, startSlowRelay } from './slow-relay.ts';
import type { FaultStore, StartStore } from './stores.ts';

/** Delay of every answer of the store: as the requirement says in long, less in short. */
const latencyMs = process.env.FAULT_ROUNDS === undefined ? 50 : 200;

/** How long one call of the store may take, far above what a slow machine adds: nothing here is about outages. */
const timeoutMs = 10_000;

/** A store that answers late serves every flow, and nothing is used twice meanwhile. */
export function farAway(startStore: StartStore): void {
  let store: FaultStore;
  let relay: SlowRelay;
  let cluster: Cluster;
  let person: Person;

  beforeAll(async () => {
    store = await startStore();
    relay = await startSlowRelay(store.port);
    cluster = await startCluster({ store: store.address(timeoutMs, relay.port) });
    person = await createPerson(cluster.url);
    await person.tokens();
    relay.delay(latencyMs);
  });
  afterAll(async () => {
    relay?.delay(0);
    await cluster?.close();
    await relay?.close();
    await store?.close();
  });

  it(
    'serves every flow, and uses nothing twice (F-19)',
    async () => {
      const took: number[] = [];
      const timed = async <T>(work: Promise<T>): Promise<T> => {
        const start = performance.now();
        const result = await work;
        took.push(performance.now() - start);
        return result;
      };
      const { browser, client } = person;
      /** Goes on through redirects of our own, each timed by itself. */
      const timedPage = async (first: Promise<Page>): Promise<Page> => {
        let page = await timed(first);
        while (page.location?.startsWith(cluster.url)) page = await timed(browser.follow(page));
        return page;
      };
      const stopAt = () => true;
      for (let flow = 0; flow < rounds(1, 0.03); flow += 1) {
        const approval = await timedPage(browser.get(client.authorizeUrl(), { stopAt }));
        const page = await timedPage(browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt }));
        const code = codeOf(page);
        if (code === undefined) throw new Error(`no code: ${page.status} ${page.text}`);
        const answers = await parallel(6, () => client.redeem(code)); // The losers wait on purpose.
        expect(answers.map(outcomeOf).toSorted()).toEqual(['200', ...Array(5).fill('400 invalid_grant')]);

        const { accessToken, refreshToken } = tokensOf(await timed(client.redeem(await person.code())));
        expect((await timed(callMcp(cluster.url, accessToken))).status).toBe(200);
        const refreshed = await parallel(6, () => timed(client.refresh(refreshToken)));
        expect(new Set(refreshed.map(outcomeOf))).toEqual(new Set(['200']));
        expect(new Set(refreshed.map((answer) => tokensOf(answer).refreshToken)).size).toBe(1);
      }
      expect(cluster.events.filter(({ type }) => type === 'server.error')).toEqual([]);
      const sorted = took.toSorted((one, other) => one - other);
      const p99 = Math.round(sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0);
      record(
        'F-19',
        store.name,
        `${took.length} requests at ${latencyMs} ms latency, p99 ${p99} ms; each code used once, one family head`,
      );
    },
    limitMs,
  );
}
