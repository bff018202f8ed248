// `npm run fuzz [seconds]`: every property for so many seconds (60 unless given) with a new seed; writes its figure in docs/security.md.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface PropertyRun {
  readonly name: string;
  readonly runs: number;
  readonly failed: boolean;
}

const begin = '<!-- fuzz:begin, written by `npm run fuzz` -->';
const end = '<!-- fuzz:end -->';
const document = new URL('../docs/security.md', import.meta.url);
const seconds = Number(process.argv[2] ?? 60);
if (!Number.isInteger(seconds) || seconds < 1) throw new Error('npm run fuzz [seconds]: a whole number of seconds');

const directory = await mkdtemp(join(tmpdir(), 'fuzz-'));
const report = join(directory, 'report.jsonl');
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const suites = ['__tests__/fuzz/', '__tests__/proxy/event-stream-filter', '__tests__/proxy/filter-leaks'];
const { status } = spawnSync(process.execPath, [...flags, 'node_modules/jest/bin/jest.js', ...suites], {
  stdio: 'inherit',
  env: { ...process.env, FUZZ_SECONDS: String(seconds), FUZZ_REPORT: report },
});
const lines = (await readFile(report, 'utf8')).trim().split('\n');
await rm(directory, { recursive: true });
const runs = lines.map((line) => JSON.parse(line) as PropertyRun);
const rows = runs.map(({ name, runs: count }) => `| ${name} | ${count.toLocaleString('en')} |`).sort();
const table = [
  `Last long run: ${seconds} s for each property, new seed, ${status === 0 ? 'nothing found' : 'a failure'}.`,
  '',
  '| property | runs |',
  '|---|---|',
  ...rows,
].join('\n');
const before = await readFile(document, 'utf8');
const [start, stop] = [before.indexOf(begin), before.indexOf(end)];
if (start < 0 || stop < start) throw new Error('docs/security.md has no place for the figures of fuzzing');
await writeFile(document, `${before.slice(0, start + begin.length)}\n${table}\n${before.slice(stop)}`);
process.exitCode = status ?? 1;
