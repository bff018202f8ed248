import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cores } from './cores.ts';
import { peers } from './install.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Where and with what a table was made. */
export interface Setting {
  readonly machine: string;
  /** Processes that ran or waited for a core in the last five minutes: far above two, others were at work here. */
  readonly loadAverage: number;
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
}

const packages = ['express', 'oidc-provider', 'jose', 'openid-client', '@modelcontextprotocol/sdk', 'redis', 'pg'];

function versionOf(name: string): string {
  return JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, 'utf8')).version;
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

export function describeSetting(): Setting {
  const all = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const placement = cores ? `servers on core ${cores.servers}, load on core ${cores.load}` : 'nothing pinned';
  const isChanged = git('status', '--porcelain', '--', 'lib', 'adapters') !== '';
  return {
    machine: `${all.length} x ${all[0]?.model ?? 'unknown'}, ${memory} GiB, ${process.platform}; ${placement}`,
    loadAverage: Math.round((loadavg()[1] ?? 0) * 10) / 10,
    commit: `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${isChanged ? ' with uncommitted changes' : ''}`,
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
      ...peers(),
    },
  };
}
