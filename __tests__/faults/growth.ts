import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createOAuthClient, register } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { createPerson, outcomeOf, type Person, tokensOf } from './person.ts';
import { limitMs, record, rounds } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

const isLong = process.env.FAULT_ROUNDS !== undefined;

/** What there is more and more of; sessions and codes end soon. */
export const multiplied = ['Client', 'Grant', 'RefreshToken'];

/** Writes copies of every such record of a store, as many of each, under other ids. @returns the bytes of one set */
export type Multiply = (store: FaultStore, copies: number) => Promise<number>;

/** What a machine that does something else adds to one answer in a hundred. */
const noiseMs = 20;

interface Side {
  readonly store: FaultStore;
  readonly cluster: Cluster;
  readonly person: Person;
  refreshToken: string;
  readonly took: Record<'register' | 'authorize' | 'refresh', number[]>;
}

const at = (part: number, took: readonly number[]) =>
  took.toSorted((one, other) => one - other)[Math.ceil(took.length * part) - 1] ?? 0;

/** What a request costs does not depend on how many clients, grants and tokens there are. */
export function growth(startStore: StartStore, multiply: Multiply): void {
  const copies = rounds(2000, 10_000);
  const sides: Side[] = [];

  async function open(): Promise<Side> {
    const store = await startStore();
    const cluster = await startCluster({ store: store.address(), size: 1 });
    const person = await createPerson(cluster.url);
    const { refreshToken } = await person.tokens();
    const took = { register: [], authorize: [], refresh: [] };
    return { store, cluster, person, refreshToken, took };
  }

  beforeAll(async () => {
    sides.push(await open(), await open());
  });
  afterAll(async () => {
    for (const { cluster, store } of sides) {
      await cluster.close();
      await store.close();
    }
  });

  async function timed<T>(took: number[], work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    took.push(performance.now() - start);
    return result;
  }

  async function ask(side: Side): Promise<void> {
    const { cluster, person, took } = side;
    const metadata = { redirect_uris: ['http://127.0.0.1:1/callback'] };
    expect((await timed(took.register, () => register(cluster.url, metadata))).status).toBe(201);
    const page = await timed(took.authorize, () => person.browser.get(person.client.authorizeUrl()));
    expect(page.status).toBe(200);
    const refreshed = await timed(took.refresh, () => person.client.refresh(side.refreshToken));
    expect(outcomeOf(refreshed)).toBe('200');
    side.refreshToken = tokensOf(refreshed).refreshToken;
  }

  it(
    `registers, authorizes and refreshes among ${copies} clients and grants as among none (F-44)`,
    async () => {
      const [few, many] = sides as [Side, Side];
      const bytes = await multiply(many.store, copies);
      // In turns, so that both have the same machine; the first ones warm up.
      for (let turn = 0; turn < 20; turn += 1) for (const side of sides) await ask(side);
      for (const { took } of sides) for (const list of Object.values(took)) list.length = 0;
      for (let turn = 0; turn < rounds(20, 5); turn += 1) for (const side of sides) await ask(side);
      const figures = (['register', 'authorize', 'refresh'] as const).map((name) => {
        const [p50, p99] = [0.5, 0.99].map((part) => [at(part, few.took[name]), at(part, many.took[name])] as const);
        return { name, p50: p50 ?? [0, 0], p99: p99 ?? [0, 0] };
      });
      const text = (key: 'p50' | 'p99', name: string) => {
        const [one = 0, other = 0] = figures.find((figure) => figure.name === name)?.[key] ?? [];
        return `${name} ${key} ${one.toFixed(1)} to ${other.toFixed(1)} ms`;
      };
      const among = `an empty store to ${copies.toLocaleString('en')} clients and grants`;
      record('F-44', many.store.name, `${among}: ${text('p99', 'register')}, ${text('p99', 'authorize')}`);
      const size = `${bytes.toLocaleString('en')} bytes for a client with a grant and a refresh token`;
      record('growth', many.store.name, `${among}: ${text('p50', 'refresh')}, ${text('p99', 'refresh')}; ${size}`);
      for (const { name, p50, p99 } of figures) {
        if (isLong && name !== 'refresh') expect(p99[1]).toBeLessThan(2 * p99[0] + noiseMs);
        // Whatever the machine does meanwhile: nothing reads everything.
        expect(p50[1]).toBeLessThan(10 * p50[0] + 50);
      }
      // Somebody who is new, among all of them.
      await (await createPerson(many.cluster.url, await createOAuthClient(many.cluster.url))).tokens();
    },
    limitMs,
  );
}
