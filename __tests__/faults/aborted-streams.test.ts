import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createOAuthClient } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { createPerson } from './person.ts';
import { limitMs, parallel, record, rounds, until, withinMs } from './rounds.ts';
import { sqliteStore } from './sqlite-store.ts';
import { openStream, type StreamUpstream, startStreamUpstream } from './stream-upstream.ts';

const isLong = process.env.FAULT_ROUNDS !== undefined;
const count = rounds(100, 5);

let store: Awaited<ReturnType<typeof sqliteStore>>;
let upstream: StreamUpstream;
let cluster: Cluster;
beforeAll(async () => {
  store = await sqliteStore();
  upstream = await startStreamUpstream();
  const routes = [{ path: '/stream', target: upstream.url }];
  cluster = await startCluster({ store: store.address, size: 1, options: { routes } });
});
afterAll(async () => {
  await cluster?.close();
  await upstream?.close();
  await store?.remove();
});

it(
  `${count} event streams that their clients abort leave nothing behind (F-36)`,
  async () => {
    const person = await createPerson(cluster.url, await createOAuthClient(cluster.url, {}, `${cluster.url}/stream`));
    const { accessToken } = await person.tokens();

    /** @returns the milliseconds until the upstream has no connection left */
    async function cycle(): Promise<number> {
      const streams = [];
      for (let opened = 0; opened < count; opened += 50)
        streams.push(
          ...(await parallel(Math.min(50, count - opened), () => openStream(`${cluster.url}/stream`, accessToken))),
        );
      expect(upstream.streams()).toBe(count);
      for (const stream of streams) stream.abort();
      return until(async () => upstream.streams() === 0, 20_000);
    }

    // What a process once needed it keeps: its heap and its pages grow with the first times.
    const cycles = isLong ? 6 : 2;
    for (let turn = 0; turn < cycles; turn += 1) await cycle();
    const before = await cluster.usage(0, true);
    const took: number[] = [];
    for (let turn = 0; turn < cycles; turn += 1) took.push(await cycle());
    const tookMs = Math.max(...took);
    await until(async () => (await cluster.usage(0, true)).handles <= before.handles * 1.1 + 1, 20_000);
    const after = await cluster.usage(0, true);
    const ratio = after.rssBytes / before.rssBytes;
    record(
      'F-36',
      'upstream',
      `${count} streams: upstream connections closed after ${tookMs} ms; handles ${before.handles} to ${after.handles}, ` +
        `heap ${(before.heapBytes / 2 ** 20).toFixed(1)} to ${(after.heapBytes / 2 ** 20).toFixed(1)} MiB, ` +
        `RSS ${(before.rssBytes / 2 ** 20).toFixed(0)} to ${(after.rssBytes / 2 ** 20).toFixed(0)} MiB`,
    );
    expect(tookMs).toBeLessThan(withinMs(2000));
    expect(after.heapBytes / before.heapBytes).toBeLessThan(1.1);
    expect(ratio).toBeLessThan(isLong ? 1.1 : 2);
    expect(cluster.events.filter(({ type }) => type === 'server.error')).toEqual([]);
  },
  limitMs,
);
