import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, createPerson, outcomeOf, type Person, tokensOf } from './person.ts';
import { limitMs, parallel, record, rounds, tally } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

const graceSeconds = 30;

/** A refresh token has one successor, however many processes are asked at the same time or again. */
export function refreshRaces(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let person: Person;

  beforeAll(async () => {
    store = await startStore();
    cluster = await startCluster({
      store: store.address(),
      options: { gateway: { refreshGraceSeconds: graceSeconds } },
    });
    person = await createPerson(cluster.url);
  });
  afterAll(async () => {
    await cluster?.close();
    await store?.close();
  });
  afterEach(async () => {
    await cluster.moveClock(0);
    expect(cluster.events.filter(({ type }) => type === 'server.error' || type === 'storage.unavailable')).toEqual([]);
  });

  /** How many of these tokens can be refreshed, one after the other. */
  async function live(refreshTokens: readonly string[]): Promise<number> {
    let count = 0;
    for (const token of refreshTokens) if ((await person.client.refresh(token)).status === 200) count += 1;
    return count;
  }

  it(
    'gives all of 50 parallel refreshes the same successor, which works',
    async () => {
      let answered = 0;
      for (let round = 0; round < rounds(3); round += 1) {
        const { refreshToken } = await person.tokens();
        const answers = await parallel(50, () => person.client.refresh(refreshToken));
        expect(tally(answers.map(outcomeOf))).toEqual({ '200': 50 });
        const successors = new Set(answers.map((answer) => tokensOf(answer).refreshToken));
        const accessTokens = new Set(answers.map((answer) => tokensOf(answer).accessToken));
        expect([successors.size, accessTokens.size]).toEqual([1, 1]);
        expect((await callMcp(cluster.url, [...accessTokens][0] as string)).status).toBe(200);
        expect(await live([...successors])).toBe(1);
        answered += answers.length;
      }
      record('refresh x 50', store.name, `${rounds(3)} rounds: ${answered} answers, 0 failures, 1 family head each`);
    },
    limitMs,
  );

  it(
    'gives a refresh sent twice within the grace window the same successor, and ends the family after it (F-03)',
    async () => {
      for (let round = 0; round < rounds(2, 0.2); round += 1) {
        await cluster.moveClock(0);
        const { refreshToken } = await person.tokens();
        const [first, second] = [
          await person.client.refresh(refreshToken),
          await person.client.refresh(refreshToken),
        ].map(tokensOf);
        expect(second).toEqual(first);
        await cluster.moveClock(graceSeconds + 1);
        expect(outcomeOf(await person.client.refresh(refreshToken))).toBe('400 invalid_grant');
        expect(outcomeOf(await person.client.refresh(first?.refreshToken ?? ''))).toBe('400 invalid_grant');
        expect((await callMcp(cluster.url, first?.accessToken ?? '')).status).toBe(401);
      }
      record('F-03', store.name, `${rounds(2, 0.2)} rounds: same successor; after the window 400 and the family ended`);
    },
    limitMs,
  );

  it(
    'answers a refresh again whose answer was lost, within the grace window only (F-04)',
    async () => {
      for (let round = 0; round < rounds(2, 0.2); round += 1) {
        await cluster.moveClock(0);
        for (const { wait, outcome } of [
          { wait: 0, outcome: '200' },
          { wait: graceSeconds + 1, outcome: '400 invalid_grant' },
        ]) {
          const { refreshToken } = await person.tokens();
          cluster.front.loseAnswers(true);
          await expect(person.client.refresh(refreshToken)).rejects.toThrow(/socket hang up|ECONNRESET/);
          cluster.front.loseAnswers(false);
          if (wait > 0) await cluster.moveClock(wait);
          const again = await person.client.refresh(refreshToken);
          expect(outcomeOf(again)).toBe(outcome);
          if (again.status === 200) expect(await live([tokensOf(again).refreshToken])).toBe(1);
        }
      }
      record('F-04', store.name, `${rounds(2, 0.2)} rounds: 200 within the window, 400 invalid_grant after it`);
    },
    limitMs,
  );

  describe('without a grace window', () => {
    beforeAll(() => cluster.restartAll({ gateway: { refreshGraceSeconds: 0 } }));

    it(
      'lets one of 24 parallel refreshes through and leaves at most one live token (F-02)',
      async () => {
        const sums: string[] = [];
        const heads: number[] = [];
        for (let round = 0; round < rounds(3); round += 1) {
          const { refreshToken } = await person.tokens();
          const answers = await parallel(24, () => person.client.refresh(refreshToken));
          const counts = tally(answers.map(outcomeOf));
          sums.push(JSON.stringify(counts));
          const successors = answers
            .filter(({ status }) => status === 200)
            .map((answer) => tokensOf(answer).refreshToken);
          heads.push(await live([...successors, refreshToken]));
        }
        record(
          'F-02',
          store.name,
          `${JSON.stringify(tally(sums))}, then live heads ${JSON.stringify(tally(heads.map(String)))}`,
        );
        expect(new Set(sums)).toEqual(new Set([JSON.stringify({ '200': 1, '400 invalid_grant': 23 })]));
        expect(Math.max(...heads)).toBeLessThanOrEqual(1);
      },
      limitMs,
    );
  });
}
