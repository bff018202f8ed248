import { spawnSync } from 'node:child_process';

/** Which core the load generator has, and which one the servers share. */
export interface Cores {
  readonly load: number;
  readonly servers: number;
  /** All that there are, as `taskset` takes them. */
  readonly all: string;
}

/** `0,2-4` as numbers. */
function parseList(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** Two cores that this process may use; undefined where there are none or no taskset: nothing is pinned then. */
export const cores = findCores();

function findCores(): Cores | undefined {
  const { status, stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const all = stdout.slice(stdout.lastIndexOf(':') + 1).trim();
  const [load, servers] = parseList(all);
  return load === undefined || servers === undefined ? undefined : { load, servers, all };
}

/** Moves this process with all its threads, and what it starts from now on, to one core. */
export function pinThisProcess(core: number): void {
  spawnSync('taskset', ['-acp', String(core), String(process.pid)], { stdio: 'ignore' });
}

/** A command that runs on one core, or on some. */
export function pinned(
  core: number | string | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  return core === undefined ? [command, [...args]] : ['taskset', ['-c', String(core), command, ...args]];
}
