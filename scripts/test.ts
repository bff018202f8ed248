// `npm test`: type check, lint, real servers, then every suite. Stops at the first stage that fails; the last line is the totals.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LeftOut, provideRequirements } from './requirements.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is used here of the file that `jest --json --outputFile` writes. */
interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** Suites that could not be loaded, or that failed outside a test. */
  readonly numRuntimeErrorTestSuites: number;
}

/** Runs a program of node_modules with this Node, its output passed through. */
async function runProgram(program: string, args: readonly string[], nodeArgs: readonly string[] = []): Promise<number> {
  const child = spawn(process.execPath, [...nodeArgs, join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return exitCode ?? 1;
}

async function runJest(leftOut: readonly LeftOut[]): Promise<{ exitCode: number; results: JestResults | undefined }> {
  const folder = await mkdtemp(join(tmpdir(), 'jest-results-'));
  const file = join(folder, 'results.json');
  try {
    const exitCode = await runProgram(
      'jest/bin/jest.js',
      [
        '--ci',
        '--json',
        `--outputFile=${file}`,
        ...leftOut.flatMap(({ suites }) => suites).map((suite) => `--testPathIgnorePatterns=${suite}`),
      ],
      ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    );
    const results = await readFile(file, 'utf8').then(JSON.parse, () => undefined);
    return { exitCode, results };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Everything for which a run does not count as a success; empty for one that does. */
function findProblems(exitCode: number, results: JestResults): string[] {
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = results;
  const skipped = results.numPendingTests + results.numTodoTests;
  const problems = [
    ...(numFailedTests > 0 ? [`failed tests: ${numFailedTests}`] : []),
    ...(numRuntimeErrorTestSuites > 0 ? [`suites failed outside a test: ${numRuntimeErrorTestSuites}`] : []),
    ...(skipped > 0 ? [`skipped tests: ${skipped}`] : []),
    ...(numPassedTests + numFailedTests === 0 ? ['no test ran'] : []),
  ];
  return problems.length === 0 && exitCode !== 0 ? [`jest ended with exit code ${exitCode}`] : problems;
}

async function main(): Promise<number> {
  const started = performance.now();
  const announce = (stage: string) => {
    console.log(`\n== ${stage} (Node ${process.versions.node}, ${Math.round((performance.now() - started) / 1000)} s)`);
  };

  const checks = [
    { stage: 'type check', program: 'typescript/bin/tsc', args: [] },
    { stage: 'lint', program: '@biomejs/biome/bin/biome', args: ['ci', '.'] },
  ];
  for (const { stage, program, args } of checks) {
    announce(stage);
    const exitCode = await runProgram(program, args);
    if (exitCode !== 0) {
      console.log(`npm test: ${stage} failed (exit code ${exitCode}); the stages after it did not run`);
      return 1;
    }
  }

  announce('servers and browser');
  const leftOut = provideRequirements(console.log);
  const warn = () => {
    for (const { name, advice } of leftOut) console.log(`LEFT OUT: every suite that needs ${name}; ${advice}`);
  };
  warn();
  const required = leftOut.filter(({ isRequired }) => isRequired);
  if (required.length > 0) {
    console.log(`npm test: required here, and missing: ${required.map(({ name }) => name).join(', ')}`);
    return 1;
  }

  announce('tests');
  const { exitCode, results } = await runJest(leftOut);
  if (!results) {
    console.log(`npm test: jest ended with exit code ${exitCode} and without results`);
    return 1;
  }
  const problems = findProblems(exitCode, results);
  warn();
  announce(problems.length === 0 ? 'done' : `failed: ${problems.join('; ')}`);
  // A suite that failed outside a test has no failed test to be counted by.
  console.log(`${results.numPassedTests} passed, ${results.numFailedTests + results.numRuntimeErrorTestSuites} failed`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
