import { type BenchServer, startServer } from '../harness/server-process.ts';
import { quantile, shuffled } from '../harness/statistics.ts';
import {
  runStreams,
  type StreamLoad,
  type StreamSample,
  type StreamSource,
  startStreamUpstream,
} from '../harness/streams.ts';
import type { CountTable } from '../harness/table.ts';
import { signIn } from './sign-in.ts';

const load: StreamLoad = { streams: 1000, messagesPerSecond: 2000, warmUpMs: 1500, measureMs: 4000 };
const rounds = 3;

interface Subject {
  readonly name: string;
  /** Absent where the clients are connected to the upstream itself. */
  readonly server?: BenchServer;
  readonly source: StreamSource;
  readonly samples: (StreamSample & { readonly cpuMicros: number; readonly kibPerStream: number })[];
}

/** Reads every message, hides nothing. */
const openFilter = { tools: ['*'], prompts: ['*'], resources: ['*'], resourceTemplates: ['*'] };

async function ours(name: string, target: string, method: StreamSource['method'], proxy = {}): Promise<Subject> {
  const server = await startServer({ variant: 'gateway', settings: { proxy: { target, ...proxy } } });
  const { accessToken } = await signIn(server.url);
  const headers = { authorization: `Bearer ${accessToken}` };
  return { name, server, source: { url: `${server.url}/mcp`, headers, method }, samples: [] };
}

async function runOnce(subject: Subject, upstream: Awaited<ReturnType<typeof startStreamUpstream>>): Promise<void> {
  const usage = async () => (await subject.server?.ask('usage')) ?? { cpuMicros: 0, rssBytes: 0 };
  const idle = await usage();
  const { sample, before, after } = await runStreams(subject.source, upstream, load, usage);
  const messages = sample.receivedPerSecond * (load.measureMs / 1000);
  subject.samples.push({
    ...sample,
    cpuMicros: (after.cpuMicros - before.cpuMicros) / messages,
    kibPerStream: (after.rssBytes - idle.rssBytes) / 1024 / sample.opened,
  });
}

function toRow({ name, server, samples }: Subject, directP99Ms: number): string[] {
  const median = (member: keyof Subject['samples'][number]) =>
    quantile(
      samples.map((sample) => sample[member]),
      0.5,
    );
  const p99 = median('p99Ms');
  // The first run of a process pays for its heap; what later ones add says little.
  const [first] = samples;
  return [
    name,
    `${Math.min(...samples.map(({ opened }) => opened))} of ${load.streams}`,
    median('receivedPerSecond').toFixed(0),
    median('p50Ms').toFixed(2),
    p99.toFixed(2),
    server ? (p99 - directP99Ms).toFixed(2) : '-',
    server ? median('cpuMicros').toFixed(1) : '-',
    server ? (first?.kibPerStream ?? 0).toFixed(0) : '-',
    `${Math.max(...samples.map(({ closedMs }) => closedMs)).toFixed(0)}`,
  ];
}

/** Many event streams through one upstream, each of its messages dated. */
export async function streams(): Promise<CountTable> {
  const upstream = await startStreamUpstream();
  const plain = await startServer({ variant: 'stream-proxy', settings: { target: upstream.url } });
  const subjects: Subject[] = [
    { name: 'direct', source: { url: upstream.url, headers: {}, method: 'GET' }, samples: [] },
    await ours('ours, GET', upstream.url, 'GET'),
    await ours('ours, POST', upstream.url, 'POST'),
    await ours('ours, POST, capability filter', upstream.url, 'POST', { capabilities: openFilter }),
    {
      name: 'http-proxy-middleware, its default agent',
      server: plain,
      source: { url: `${plain.url}/mcp`, headers: {}, method: 'GET' },
      samples: [],
    },
  ];
  try {
    for (let round = 1; round <= rounds; round += 1)
      for (const subject of shuffled(subjects)) await runOnce(subject, upstream);
  } finally {
    await Promise.all(subjects.map(({ server }) => server?.stop()));
    await upstream.close();
  }
  const directP99Ms = quantile(
    (subjects[0] as Subject).samples.map(({ p99Ms }) => p99Ms),
    0.5,
  );
  return {
    title: 'Event streams',
    notes: [
      `${load.streams} streams to one upstream at once, by GET as until 2025-11-25 and by POST as since 2026-07-28, ${load.messagesPerSecond} messages a second over all of them. Upstream and clients share a process and a clock; direct is what these two cost themselves, and added is what comes on top.`,
      'Closed: from the clients leaving until the upstream has no connection of theirs; the longest of all rounds.',
      'http-proxy-middleware authenticates nobody; the requests that its agent does not open wait for a socket.',
    ],
    method: `Medians of ${rounds} rounds of ${load.measureMs} ms in random order, all servers alive at once. Opened: the worst round.`,
    heads: ['', 'open', 'messages/s', 'p50 ms', 'p99 ms', 'p99 added ms', 'CPU us/message', 'KiB/stream', 'closed ms'],
    rows: subjects.map((subject) => toRow(subject, directP99Ms)),
  };
}
