/**
 * `npm run soak` puts one process under mixed load for ten minutes, `npm run soak -- --minutes=60 --per-second=40` for longer
 * and with more: people register clients, sign in at an identity provider, redeem, refresh, call, hold event streams open and
 * revoke, and a tenth of what arrives is garbage. It prints what the process holds, writes docs/benchmarks/soak.json, .svg and
 * .md, and ends with 1 where a limit of fault F-39 is broken.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type SoakResult, type SoakSample, slopePerMinute, soak } from '../__tests__/faults/soak.ts';
import { installPeers } from './harness/install.ts';
import { plotLines } from './harness/plot-lines.ts';

const folder = fileURLToPath(new URL('../docs/benchmarks/', import.meta.url));

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    'per-second': { type: 'string', default: '20' },
    'sample-seconds': { type: 'string', default: '5' },
  },
});
const minutes = Number(values.minutes);
const perSecond = Number(values['per-second']);
const sampleSeconds = Number(values['sample-seconds']);

/** What counts: behind the warm-up, in which caches and pools fill. */
function afterWarmUp(samples: readonly SoakSample[]): SoakSample[] {
  const end = Math.max(60, (minutes * 60) / 3);
  const kept = samples.filter(({ atSeconds }) => atSeconds >= end);
  return kept.length >= 3 ? kept : [...samples];
}

interface Limit {
  readonly what: string;
  readonly value: string;
  readonly limit: string;
  readonly isKept: boolean;
}

function median(list: readonly number[]): number {
  return list.toSorted((one, other) => one - other)[Math.floor(list.length / 2)] ?? 0;
}

/** The limits of fault F-39. */
function judge({ samples, statuses, failures, serverErrors }: SoakResult): Limit[] {
  const measured = afterWarmUp(samples);
  // Between collections memory rises and falls with the garbage in it.
  const collected = measured.filter(({ isCollected }) => isCollected);
  const rise = slopePerMinute(collected, ({ rssMiB }) => rssMiB);
  const heapRise = slopePerMinute(collected, ({ heapMiB }) => heapMiB);
  const delay = median(measured.map(({ delayP99Ms }) => delayP99Ms));
  const handles = slopePerMinute(measured, (sample) => sample.handles - 2 * sample.streams);
  const fives = Object.entries(statuses).reduce((sum, [status, count]) => sum + (Number(status) >= 500 ? count : 0), 0);
  return [
    { what: 'answers with 5xx', value: String(fives), limit: '0', isKept: fives === 0 },
    {
      what: 'requests that had to succeed and did not',
      value: String(failures.length),
      limit: '0',
      isKept: failures.length === 0,
    },
    { what: '`server.error` events', value: String(serverErrors), limit: '0', isKept: serverErrors === 0 },
    {
      what: 'rise of RSS after the warm-up, measured right after a garbage collection, MiB/min',
      value: rise.toFixed(2),
      limit: 'below 1',
      isKept: rise < 1,
    },
    {
      what: 'rise of the heap, likewise, MiB/min',
      value: heapRise.toFixed(2),
      limit: 'below 1',
      isKept: heapRise < 1,
    },
    {
      what: 'event-loop delay p99, ms (median of the samples)',
      value: delay.toFixed(1),
      limit: 'below 50',
      isKept: delay < 50,
    },
    {
      what: 'rise of open handles without those of streams, 1/min',
      value: handles.toFixed(2),
      limit: 'below 1',
      isKept: handles < 1,
    },
  ];
}

function toMarkdown(result: SoakResult, limits: readonly Limit[], setting: string): string {
  const last = result.samples.at(-1);
  const counts = (record: Readonly<Record<string, number>>) =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return `# Soak

Made by \`npm run soak -- --minutes=${values.minutes} --per-second=${values['per-second']}\` ${setting}.

One process on a SQLite file, for ${minutes} minutes at ${perSecond} actions a second, ${last?.requests} requests in all: people register clients, sign in at an identity
provider (a real one, in the process of the load), redeem, refresh, call, hold event streams open and revoke; a tenth of what arrives is garbage. Tokens,
sessions and grants have short lives here (5 minutes at most), so that they end within the run; registered clients stay. Every half minute garbage is collected
first, and the limits for memory go by these samples; the plot shows all. The requirement (F-39) says 30 minutes; this run
had the length that is written here.

![Soak](soak.svg)

| | measured | required | |
| --- | --- | --- | --- |
${limits.map(({ what, value, limit, isKept }) => `| ${what} | **${value}** | ${limit} | ${isKept ? 'met' : 'missed'} |`).join('\n')}

- Actions: ${counts(result.actions)}.
- Answers by status: ${counts(result.statuses)}.
- At the end: RSS ${last?.rssMiB} MiB, heap ${last?.heapMiB} MiB, ${last?.handles} handles, ${last?.rows} rows in the store.
${result.failures.map((failure) => `- Failed: ${failure}\n`).join('')}`;
}

installPeers((line) => console.error(line));
const busy: number[] = [];
const result = await soak({
  seconds: minutes * 60,
  perSecond,
  sampleSeconds,
  onSample(sample) {
    busy.push(loadavg()[0] ?? 0);
    console.log(JSON.stringify(sample));
  },
});
const limits = judge(result);
const setting =
  `on ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model}; ` +
  `load average of the machine meanwhile ${median(busy).toFixed(1)}`;
const { samples, ...rest } = result;
const marked = samples.map(({ isCollected }) => isCollected);
const measurement = { minutes, perSecond, setting, limits, ...rest, samples };
writeFileSync(`${folder}soak.json`, `${JSON.stringify(measurement, null, 1)}\n`);
writeFileSync(
  `${folder}soak.svg`,
  await plotLines(
    samples.map(({ atSeconds }) => atSeconds / 60),
    [
      {
        name: 'RSS, dots right after a garbage collection',
        unit: 'MiB',
        values: samples.map(({ rssMiB }) => rssMiB),
        marked,
      },
      { name: 'heap, dots likewise', unit: 'MiB', values: samples.map(({ heapMiB }) => heapMiB), marked },
      { name: 'event-loop delay p99', unit: 'ms', values: samples.map(({ delayP99Ms }) => delayP99Ms) },
      { name: 'open handles', unit: '', values: samples.map(({ handles }) => handles) },
      { name: 'rows in the store', unit: '', values: samples.map(({ rows }) => rows) },
    ],
  ),
);
writeFileSync(`${folder}soak.md`, toMarkdown(result, limits, setting));
for (const { what, value, limit, isKept } of limits)
  console.log(`${isKept ? 'met   ' : 'MISSED'} ${what}: ${value} (${limit})`);
for (const failure of result.failures) console.log(`failed: ${failure}`);
process.exitCode = limits.every(({ isKept }) => isKept) ? 0 : 1;
