import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { findChromium } from '../__tests__/helpers/find-chromium.ts';

/** A program that some suites start, and where to get it. */
interface Requirement {
  readonly name: string;
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
  /** The suites that need it, as patterns of `testPathIgnorePatterns`. */
  readonly suites: readonly string[];
  readonly isPresent: () => boolean;
  /** Set to 1, this variable makes its absence an error. */
  readonly requiredBy: string;
}

const isOnPath = (program: string) =>
  [...(process.env.PATH ?? '').split(':'), '/usr/sbin'].some(
    (folder) => folder !== '' && existsSync(`${folder}/${program}`),
  );

function hasPostgres(): boolean {
  const versions = '/usr/lib/postgresql';
  if (process.env.TEST_POSTGRES_URL !== undefined || isOnPath('postgres')) return true;
  return (
    existsSync(versions) && readdirSync(versions).some((version) => existsSync(`${versions}/${version}/bin/postgres`))
  );
}

const requirements: readonly Requirement[] = [
  {
    name: 'PostgreSQL with pgbouncer',
    packages: ['postgresql', 'pgbouncer'],
    suites: ['/__tests__/.*postgres'],
    isPresent: () => hasPostgres() && isOnPath('pgbouncer'),
    requiredBy: 'REQUIRE_SERVERS',
  },
  {
    name: 'Redis',
    packages: ['redis-server'],
    suites: ['/__tests__/.*redis'],
    isPresent: () => process.env.TEST_REDIS_URL !== undefined || isOnPath('redis-server') || isOnPath('valkey-server'),
    requiredBy: 'REQUIRE_SERVERS',
  },
  {
    name: 'nginx',
    packages: ['nginx-light'],
    suites: ['/__tests__/examples/redis-replicas'],
    isPresent: () => isOnPath('nginx'),
    requiredBy: 'REQUIRE_SERVERS',
  },
  {
    name: 'Python 3',
    packages: ['python3'],
    suites: ['/__tests__/examples/python-upstream'],
    isPresent: () => isOnPath('python3'),
    requiredBy: 'REQUIRE_SERVERS',
  },
  {
    name: 'Chromium',
    packages: ['chromium'],
    suites: ['/__tests__/browser/'],
    isPresent: () => findChromium() !== undefined,
    requiredBy: 'REQUIRE_BROWSER',
  },
];

function install(packages: readonly string[]): boolean {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (args: readonly string[]) =>
    spawnSync('apt-get', args, { env: environment, stdio: 'ignore' }).status === 0;
  return run(['update']) && run(['install', '-y', '--no-install-recommends', ...packages]);
}

/** What could not be had, and the suites that therefore are left out. */
export interface LeftOut {
  readonly name: string;
  readonly suites: readonly string[];
  readonly advice: string;
  /** Whether this run must not go on without it. */
  readonly isRequired: boolean;
}

/**
 * Finds the servers and the browser that suites start, and installs what is missing where that is possible (root on
 * Debian), saying so. They are only ever started by the tests themselves, on free ports.
 */
export function provideRequirements(say: (line: string) => void): readonly LeftOut[] {
  const missing = requirements.filter(({ isPresent }) => !isPresent());
  if (missing.length === 0) return [];
  const packages = missing.flatMap((requirement) => requirement.packages);
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say(`installing ${packages.join(', ')} with apt-get: suites start real servers and a real browser`);
    if (!install(packages)) say('apt-get failed');
  }
  return missing
    .filter(({ isPresent }) => !isPresent())
    .map(({ name, suites, packages: wanted, requiredBy }) => ({
      name,
      suites,
      advice: `install it (Debian: apt-get install ${wanted.join(' ')})`,
      isRequired: process.env[requiredBy] === '1',
    }));
}
