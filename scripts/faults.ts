// `npm run test:faults`: the faults of `__tests__/faults` in long, one line for each: id, store, figure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provideRequirements } from './requirements.ts';

interface Figure {
  readonly fault: string;
  readonly store: string;
  readonly figure: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const roundCount = process.env.FAULT_ROUNDS ?? '100';

async function runSuites(figures: string, patterns: readonly string[]): Promise<number> {
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  // One suite at a time: each starts processes enough for this machine.
  const args = [jest, '--ci', '--runInBand', ...(patterns.length > 0 ? patterns : ['__tests__/faults/'])];
  const child = spawn(
    process.execPath,
    ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', ...args],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, FAULT_ROUNDS: roundCount, FAULT_FIGURES: figures },
    },
  );
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return exitCode ?? 1;
}

async function readFigures(path: string): Promise<Figure[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Figure]));
}

async function main(): Promise<number> {
  const leftOut = provideRequirements(console.log);
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  try {
    const path = join(folder, 'figures.jsonl');
    const exitCode = leftOut.length > 0 ? 1 : await runSuites(path, process.argv.slice(2));
    const figures = await readFigures(path);
    console.log(`\nfault  store     figure (FAULT_ROUNDS=${roundCount})`);
    for (const { fault, store, figure } of figures.toSorted((one, other) =>
      `${one.fault} ${one.store}`.localeCompare(`${other.fault} ${other.store}`),
    ))
      console.log(`${fault.padEnd(6)} ${store.padEnd(9)} ${figure}`);
    for (const { name, advice } of leftOut) console.log(`cannot run without ${name}: ${advice}`);
    return exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
