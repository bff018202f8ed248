import { readFile, writeFile } from 'node:fs/promises';
import { type Fault, faults } from './catalogue.ts';

/** What a suite measured of a fault; of one that belongs to no number, `fault` is its name. */
export interface Figure {
  readonly fault: string;
  /** The store, or what else failed. */
  readonly store: string;
  readonly figure: string;
}

/** One for each fault and store: several figures of them come from tables of cases. */
export async function readFigures(path: string): Promise<Figure[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const joined = new Map<string, Figure>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { fault, store, figure } = JSON.parse(line) as Figure;
    const earlier = joined.get(`${fault} ${store}`);
    joined.set(`${fault} ${store}`, { fault, store, figure: earlier ? `${earlier.figure}; ${figure}` : figure });
  }
  return [...joined.values()];
}

const numberOf = ({ fault }: Figure) => (/^F-\d\d$/.test(fault) ? fault : `G ${fault}`);

export function inOrder(figures: readonly Figure[]): Figure[] {
  return figures.toSorted((one, other) =>
    `${numberOf(one)} ${one.store}`.localeCompare(`${numberOf(other)} ${other.store}`),
  );
}

/** Faults of the catalogue without a figure. */
export function withoutFigure(figures: readonly Figure[]): Fault[] {
  const measured = new Set(figures.map(({ fault }) => fault));
  return faults.filter(({ id }) => !measured.has(id));
}

/** Figures of this run beside those of earlier runs of other suites. */
export function merged(earlier: readonly Figure[], now: readonly Figure[]): Figure[] {
  const measured = new Set(now.map(({ fault, store }) => `${fault} ${store}`));
  return inOrder([...earlier.filter(({ fault, store }) => !measured.has(`${fault} ${store}`)), ...now]);
}

const cell = (text: string) => text.replaceAll('|', '\\|');
const linkTo = (suite: string) => `[${suite.replace(/^.*\//, '').replace('.test.ts', '')}](../__tests__/${suite})`;

/** docs/faults.md. */
export function toDocument(figures: readonly Figure[], note: string): string {
  const row = ({ id, fault, requirement, suites }: Fault) => {
    const own = figures.filter((figure) => figure.fault === id);
    const measured = own.map(({ store, figure }) => `${store}: ${figure}`).join('<br>') || 'not measured';
    return `| ${id} | ${cell(fault)} | ${cell(requirement)} | ${cell(measured)} | ${suites.map(linkTo).join(', ')} |`;
  };
  const others = figures.filter(({ fault }) => !faults.some(({ id }) => id === fault));
  return `# Faults

What goes wrong around a gateway, what it must do then, and what was measured. \`npm run test:faults\` tries all of them and prints this table as lines; every
suite also runs in \`npm test\`, with fewer rounds. "N" is three processes on one PostgreSQL or Redis, behind a round-robin that adds nothing.

${note}

| | fault | required | measured | suite |
|---|---|---|---|---|
${faults.map(row).join('\n')}

## What is the app's task

- F-22: a replica of Redis that takes over may miss the last moment of writes, since Redis replicates asynchronously. See [storage](storage.md).
- F-40: stop accepting, wait, then cut off what is still open: event streams never end by themselves.
  \`server.close(() => process.exit(0)); setTimeout(() => server.closeAllConnections(), 10_000).unref();\`
- F-43: nothing is printed without a \`logger\`, and a logger that throws harms no request. With \`logger: console\`, give the streams a listener, or Node ends
  the process when nobody reads them any more: \`process.stdout.on('error', () => {})\`, and the same for \`process.stderr\`.

## Beside the numbers

| what | measured |
|---|---|
${others.map(({ fault, store, figure }) => `| ${cell(fault)}, ${store} | ${cell(figure)} |`).join('\n')}
`;
}

/** Writes the document and the figures behind it. */
export async function writeDocument(folder: string, figures: readonly Figure[], note: string): Promise<void> {
  await writeFile(`${folder}/faults.jsonl`, `${figures.map((figure) => JSON.stringify(figure)).join('\n')}\n`);
  await writeFile(`${folder}/faults.md`, toDocument(figures, note));
}
