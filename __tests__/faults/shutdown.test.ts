import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createOAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { createPerson } from './person.ts';
import { limitMs, parallel, record, tally, until, withinMs } from './rounds.ts';
import { sqliteStore } from './sqlite-store.ts';
import { openStream, type StreamUpstream, startStreamUpstream } from './stream-upstream.ts';

const shutdownMs = 2000;

let store: Awaited<ReturnType<typeof sqliteStore>>;
let upstream: StreamUpstream;
let cluster: Cluster;
beforeAll(async () => {
  store = await sqliteStore();
  upstream = await startStreamUpstream();
  const routes = [{ path: '/stream', target: upstream.url }];
  cluster = await startCluster({ store: store.address, size: 1, shutdownMs, options: { routes } });
});
afterAll(async () => {
  await cluster?.close();
  await upstream?.close();
  await store?.remove();
});

it(
  'a process that is told to end answers what it was asked, refuses what is new, and ends in good order (F-40)',
  async () => {
    const url = `${cluster.url}/stream`;
    const person = await createPerson(cluster.url, await createOAuthClient(cluster.url, {}, url));
    const { accessToken } = await person.tokens();
    const streams = await parallel(10, () => openStream(url, accessToken));
    upstream.gate(false);
    const call = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const calls = parallel(50, () => postJson(url, call, bearer(accessToken)));
    await until(async () => upstream.waiting() === 50, 20_000);

    const start = performance.now();
    const ended = cluster.terminate(0);
    const isRefused = () =>
      send(`${cluster.url}/health`).then(
        () => false,
        () => true,
      );
    await until(isRefused, 20_000);
    upstream.gate(true);
    const outcomes = tally((await calls).map(({ status }) => String(status)));
    await Promise.all(streams.map((stream) => stream.ended));
    const exitCode = await ended;
    const tookMs = Math.round(performance.now() - start);
    record(
      'F-40',
      'process',
      `50 requests: ${JSON.stringify(outcomes)}, new ones refused, 10 streams ended, exit code ${exitCode} after ${tookMs} ms ` +
        `(grace period ${shutdownMs} ms)`,
    );
    expect([outcomes, exitCode]).toEqual([{ '200': 50 }, 0]);
    expect(upstream.streams()).toBe(0);
    expect(tookMs).toBeLessThan(withinMs(shutdownMs + 1000));
  },
  limitMs,
);
