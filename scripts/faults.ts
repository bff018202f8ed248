/**
 * `npm run test:faults`: every fault of `faults/catalogue.ts` in long, one line for each figure: id, store, figure. Ends with 1
 * where a suite fails or a fault has no figure.
 *
 * `npm run test:faults -- outages`: only suites whose path has this in it. `--write` brings docs/faults.md up to date,
 * with the figures of earlier runs for suites that did not run. FAULT_ROUNDS (100) says how often each is tried.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faults } from './faults/catalogue.ts';
import { inOrder, merged, readFigures, withoutFigure, writeDocument } from './faults/figures.ts';
import { provideRequirements } from './requirements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const docs = join(root, 'docs');
const roundCount = process.env.FAULT_ROUNDS ?? '100';

async function runSuites(figures: string, patterns: readonly string[]): Promise<number> {
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  // One suite at a time: each starts processes enough for this machine.
  const args = [jest, '--ci', '--runInBand', ...patterns];
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

function patternsOf(given: readonly string[]): string[] {
  if (given.length > 0) return [...given];
  const elsewhere = faults.flatMap(({ suites }) => suites).filter((suite) => !suite.startsWith('faults/'));
  return ['__tests__/faults/', ...new Set(elsewhere.map((suite) => `__tests__/${suite}`))];
}

async function main(): Promise<number> {
  const given = process.argv.slice(2);
  const patterns = patternsOf(given.filter((argument) => argument !== '--write'));
  const isWhole = patterns.length > 1 && given.every((argument) => argument === '--write');
  const leftOut = provideRequirements(console.log);
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  try {
    const path = join(folder, 'figures.jsonl');
    const exitCode = leftOut.length > 0 ? 1 : await runSuites(path, patterns);
    const figures = inOrder(await readFigures(path));
    console.log(`\nfault  store     figure (FAULT_ROUNDS=${roundCount})`);
    for (const { fault, store, figure } of figures) console.log(`${fault.padEnd(6)} ${store.padEnd(9)} ${figure}`);
    const missing = isWhole ? withoutFigure(figures) : [];
    for (const { id, fault } of missing) console.log(`${id} ${'-'.padEnd(9)} NO FIGURE: ${fault}`);
    for (const { name, advice } of leftOut) console.log(`cannot run without ${name}: ${advice}`);
    if (given.includes('--write')) {
      const note =
        `Measured on ${new Date().toISOString().slice(0, 10)} with FAULT_ROUNDS=${roundCount}, Node ${process.versions.node}, ` +
        `${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}; suites that were run on their own keep their last figure.`;
      await writeDocument(docs, merged(await readFigures(join(docs, 'faults.jsonl')), figures), note);
    }
    return missing.length > 0 ? 1 : exitCode;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
