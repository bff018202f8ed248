import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postForm } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, createPerson, outcomeOf } from './person.ts';
import { limitMs, record } from './rounds.ts';
import { sqliteStore } from './sqlite-store.ts';

let store: Awaited<ReturnType<typeof sqliteStore>>;
let cluster: Cluster;
beforeAll(async () => {
  store = await sqliteStore();
  cluster = await startCluster({ store: store.address, size: 1, isLogUnread: true });
});
afterAll(async () => {
  await cluster?.close();
  await store?.remove();
});

it(
  'serves on while everything that it logs fails with EPIPE (F-43)',
  async () => {
    const person = await createPerson(cluster.url);
    let { accessToken, refreshToken } = await person.tokens();
    for (let turn = 0; turn < 20; turn += 1) {
      const refreshed = await person.client.refresh(refreshToken);
      expect(outcomeOf(refreshed)).toBe('200');
      refreshToken = String(refreshed.json?.refresh_token);
      accessToken = String(refreshed.json?.access_token);
      const refused = await postForm(`${cluster.url}/oauth/token`, { grant_type: 'refresh_token', refresh_token: 'x' });
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect((await callMcp(cluster.url, accessToken)).status).toBe(200);
    }
    const logged = cluster.events.length;
    record('F-43', 'process', `${logged} lines written to a closed pipe, ${3 * 20} requests answered meanwhile`);
    expect(logged).toBeGreaterThanOrEqual(40);
  },
  limitMs,
);
