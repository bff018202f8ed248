import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ConformanceOptions {
  readonly command: 'server' | 'authorization';
  /** Everything after the command except `-o`, such as `['--url', url, '--requirements', '2026-07-28']`. */
  readonly args: readonly string[];
  /** Called with every line of stdout and stderr as it arrives; `authorization` prints its login URL this way. */
  readonly onOutputLine?: (line: string) => void;
  /** The process is killed and the promise rejects after this time, milliseconds. */
  readonly timeoutMs: number;
}

export type CheckStatus = 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO';

export interface ConformanceCheck {
  readonly scenario: string;
  readonly id: string;
  readonly status: CheckStatus;
  /** False in scenarios that a `--requirements` run executes but never counts (extensions, later additions). */
  readonly isScored: boolean;
  readonly errorMessage?: string;
}

export type CheckCounts = Record<Lowercase<CheckStatus>, number>;

export interface ConformanceResult {
  /** 0 where no scored check failed. */
  readonly exitCode: number | null;
  /** By scenario name, then in the order of the suite. */
  readonly checks: readonly ConformanceCheck[];
  readonly summary: { readonly scored: CheckCounts; readonly unscored: CheckCounts };
  /** All printed lines, for a failed test's message. */
  readonly output: string;
}

type SuiteCheck = Pick<ConformanceCheck, 'id' | 'status' | 'errorMessage'>;

const packageRoot = fileURLToPath(new URL('../../node_modules/@modelcontextprotocol/conformance/', import.meta.url));

/** How the suite names a result folder: prefix, scenario, time. */
const folderPrefix = { server: 'server-', authorization: 'authorization-server-' } as const;
const folderTime = /-\d{4}-\d\d-\d\dT[\d-]+Z$/;

/**
 * Runs the installed official suite in a process of its own and reads its result files. Nothing is fetched: the binary
 * is the one in node_modules, run by this Node (it needs Node 22 or later).
 *
 * @throws Error when the suite does not end in time.
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const outputDir = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const { exitCode, lines } = await runSuite(options, outputDir);
    const checks = await readChecks(options.command, outputDir, unscoredScenarios(lines));
    const summary = {
      scored: countChecks(checks.filter((check) => check.isScored)),
      unscored: countChecks(checks.filter((check) => !check.isScored)),
    };
    return { exitCode, checks, summary, output: lines.join('\n') };
  } finally {
    await rm(outputDir, { recursive: true, force: true });
  }
}

async function runSuite({ command, args, onOutputLine, timeoutMs }: ConformanceOptions, outputDir: string) {
  const manifest = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  const binary = join(packageRoot, manifest.bin.conformance);
  const child = spawn(process.execPath, [binary, command, ...args, '-o', outputDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      onOutputLine?.(line);
    });
  }
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (isTimedOut) {
    const tail = lines.slice(-20).join('\n');
    throw new Error(`conformance ${command} did not end within ${timeoutMs} ms; its last lines:\n${tail}`);
  }
  return { exitCode, lines };
}

/** The names below the line "Not scored for ...", which is the last block that the suite prints. */
function unscoredScenarios(lines: readonly string[]): ReadonlySet<string> {
  const start = lines.findIndex((line) => line.startsWith('Not scored for '));
  const block = start === -1 ? [] : lines.slice(start + 1);
  return new Set(block.flatMap((line) => /^ {2}[✓✗] (\S+) \(/.exec(line)?.[1] ?? []));
}

async function readChecks(
  command: ConformanceOptions['command'],
  outputDir: string,
  unscored: ReadonlySet<string>,
): Promise<ConformanceCheck[]> {
  const checks: ConformanceCheck[] = [];
  for (const folder of (await readdir(outputDir)).sort()) {
    const scenario = folder.replace(folderTime, '').slice(folderPrefix[command].length);
    for (const { id, status, errorMessage } of await readScenario(join(outputDir, folder, 'checks.json'), scenario)) {
      const isScored = !unscored.has(scenario);
      checks.push({ scenario, id, status, isScored, ...(errorMessage !== undefined && { errorMessage }) });
    }
  }
  return checks;
}

/** A scenario that threw or ran into the suite's own timeout leaves its folder empty. */
async function readScenario(path: string, scenario: string): Promise<readonly SuiteCheck[]> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    return [{ id: scenario, status: 'FAILURE', errorMessage: 'the scenario ended without a result' }];
  }
}

function countChecks(checks: readonly ConformanceCheck[]): CheckCounts {
  const counts: CheckCounts = { success: 0, failure: 0, warning: 0, skipped: 0, info: 0 };
  for (const { status } of checks) {
    counts[status.toLowerCase() as Lowercase<CheckStatus>] += 1;
  }
  return counts;
}
