import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeSetting } from './machine.ts';
import type { Pace, Row } from './measure.ts';
import { plotRows } from './plot.ts';
import type { Spread } from './statistics.ts';
import type { Table } from './table.ts';

const folder = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url));

/** Three digits that mean something. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

function withSpread({ median, low, high }: Spread): string {
  return `**${figure(median)}** (${figure(low)}-${figure(high)})`;
}

function verdict({ target, cpuRatio }: Row): string {
  if (target === undefined) return '';
  return `${target} ${cpuRatio.median <= target ? 'met' : 'missed'}`;
}

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string;
}

const timing: readonly Column[] = [
  { head: '', cell: ({ name }) => name },
  { head: 'CPU us/op', cell: ({ cpuMicros }) => withSpread(cpuMicros) },
  { head: 'CPU ratio', cell: ({ cpuRatio }) => withSpread(cpuRatio) },
  { head: 'target', cell: verdict },
  { head: 'op/s', cell: ({ perSecond }) => figure(perSecond.median) },
  { head: 'p50 ms', cell: ({ p50Ms }) => figure(p50Ms) },
  { head: 'p99 ms', cell: ({ p99Ms }) => figure(p99Ms) },
  { head: 'RSS MiB', cell: ({ rssMiB }) => figure(rssMiB) },
];

/** An engine in this process has no round trips: what counts there are the calls. */
const counting: readonly Column[] = [
  { head: 'storage calls (in sequence)', cell: ({ calls }) => (calls ? `${calls.calls} (${calls.callTrips})` : '') },
  {
    head: 'engine commands (round trips)',
    cell: ({ calls }) => (calls?.commands ? `${calls.commands} (${calls.roundTrips})` : ''),
  },
];

function toMarkdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)];
}

function rowsAsMarkdown(rows: readonly Row[]): string[] {
  const columns = rows.some(({ calls }) => calls) ? [...timing, ...counting] : timing;
  const operations = [...new Set(rows.map(({ operation }) => operation))];
  return operations.flatMap((operation) => [
    `## ${operation}`,
    '',
    ...toMarkdownTable(
      columns.map(({ head }) => head),
      rows.filter((row) => row.operation === operation).map((row) => columns.map(({ cell }) => cell(row))),
    ),
    '',
  ]);
}

export interface ReportInput {
  readonly name: string;
  readonly table: Pick<Table, 'title' | 'notes' | 'versions'>;
  /** As the caller gave it. */
  readonly date: string;
  readonly command: string;
}

function write(name: string, document: object, lines: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(document, null, 2)}\n`);
  const text = `${lines.join('\n').trimEnd()}\n`;
  writeFileSync(`${folder}${name}.md`, text);
  return text;
}

function frame({ table, date, command }: ReportInput, method: string): { setting: object; lines: string[] } {
  const setting = describeSetting();
  const versions = { ...setting.versions, ...table.versions };
  const named = Object.entries(versions).map((pair) => pair.join(' '));
  const lines = [
    `# ${table.title}`,
    '',
    `Made by \`${command}\` on ${date}, commit ${setting.commit}.`,
    '',
    ...table.notes.map((note) => `- ${note}`),
    `- ${method}`,
    `- Machine: ${setting.machine}; load average ${setting.loadAverage}.`,
    `- Versions: ${named.join(', ')}.`,
    '',
  ];
  return { setting: { date, ...setting, versions }, lines };
}

/** Writes `docs/benchmarks/<name>.json`, `.md` and `.svg`. @returns the Markdown */
export async function writeReport(input: ReportInput, rows: readonly Row[], pace: Pace): Promise<string> {
  const method =
    `Medians of ${pace.rounds} rounds of ${pace.sliceMs} ms with the quartiles in parentheses; all servers alive at once, ` +
    'rounds in random order, ratios within a round. CPU is that of the server process and the figure to trust.';
  const { setting, lines } = frame(input, method);
  const plot = `![${input.table.title}](${input.name}.svg)`;
  const text = write(input.name, { ...setting, pace, rows }, [...lines, plot, '', ...rowsAsMarkdown(rows)]);
  writeFileSync(`${folder}${input.name}.svg`, await plotRows(rows));
  return text;
}

/** The same for a table that is finished when it is made. */
export function writeCountReport(
  input: ReportInput,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  method = 'Counted in a quiet server, one operation at a time; nothing here is timed.',
): string {
  const { setting, lines } = frame(input, method);
  const document = {
    ...setting,
    rows: rows.map((row) => Object.fromEntries(heads.map((head, at) => [head, row[at]]))),
  };
  return write(input.name, document, [...lines, ...toMarkdownTable(heads, rows)]);
}
