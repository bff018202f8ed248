import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

export interface PostgresServer {
  /** A superuser on the database `postgres`. */
  readonly url: string;
  /** Makes an empty database; returns its URL. */
  createDatabase(): Promise<string>;
  /** Ends the server and every connection to it at once; its data stays. */
  stop(): Promise<void>;
  /** Starts the server again, with its data, at the same URL. */
  restart(): Promise<void>;
  /** Stops every process of the server where it stands: connections open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends the server for good. */
  close(): Promise<void>;
}

const DEBIAN = '/usr/lib/postgresql';
const LINES_KEPT = 20;
const GRACE_MS = 2000;

/** The folder of the newest PostgreSQL server that is installed: Debian's places first, then PATH. */
export function findPostgres(): string | undefined {
  const versions = existing(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...pathFolders()];
  return folders.find((folder) => existing(join(folder, 'initdb')) && existing(join(folder, 'postgres')));
}

/**
 * A real PostgreSQL: the one at TEST_POSTGRES_URL, or one of its own from the system's binaries, on a free port and in a
 * temporary folder. Its order of text is that of American English, so that byte order is never there by chance.
 * @param options.isOwn true for a server that can be stopped and paused, whatever TEST_POSTGRES_URL says.
 */
export async function startPostgres(options: { isOwn?: boolean } = {}): Promise<PostgresServer> {
  const given = process.env.TEST_POSTGRES_URL;
  if (given && !options.isOwn) return strangersServer(given);
  const binaries = findPostgres();
  if (!binaries) throw new Error('these tests need PostgreSQL: apt-get install postgresql, or set TEST_POSTGRES_URL');
  return ownServer(binaries);
}

async function ownServer(binaries: string): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'test-postgres-'));
  const user = serverUser();
  if (user) chownSync(folder, user.uid, user.gid);
  const locale = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  const initdb = ['-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...locale];
  execFileSync(join(binaries, 'initdb'), initdb, { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });

  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const settings = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      full_page_writes: 'off',
      max_connections: 200,
      lc_messages: 'C',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    server = spawn(join(binaries, 'postgres'), ['-D', join(folder, 'data'), ...flags], { ...user, cwd: folder });
    await saying('ready to accept connections', server);
  }

  async function stop(): Promise<void> {
    if (!server || hasEnded(server)) return;
    const ended = once(server, 'exit');
    signal('SIGCONT'); // A paused process would not end.
    server.kill('SIGINT'); // A fast shutdown: ends every session and does not wait for it.
    await ended;
  }

  /** Waits a little for sessions: a pool that was ended still has them for a moment, and would hear of a shutdown. */
  async function stopGently(): Promise<void> {
    if (!server || hasEnded(server)) return;
    const ended = once(server, 'exit');
    signal('SIGCONT');
    server.kill('SIGTERM'); // A smart shutdown: takes no new session and waits for the others.
    const timer = setTimeout(() => server?.kill('SIGINT'), GRACE_MS);
    await ended;
    clearTimeout(timer);
  }

  /** The postmaster first: while it stands still it starts no further process. */
  function signal(name: NodeJS.Signals): void {
    if (!server || hasEnded(server)) return;
    const pid = server.pid as number;
    for (const target of [pid, ...childrenOf(pid)]) signalIfThere(target, name);
  }

  await start();
  return {
    url,
    createDatabase: () => createDatabase(url),
    stop,
    restart: () => stop().then(start),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async close() {
      await stopGently();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A server that others may use too: databases are made in it and dropped again, and nothing else is touched. */
function strangersServer(url: string): PostgresServer {
  const databases: string[] = [];
  const refuse = () => {
    throw new Error('the server at TEST_POSTGRES_URL is not ours to stop');
  };
  return {
    url,
    async createDatabase() {
      const database = await createDatabase(url);
      databases.push(database);
      return database;
    },
    stop: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
    async close() {
      for (const database of databases)
        await run(url, `DROP DATABASE ${new URL(database).pathname.slice(1)} WITH (FORCE)`);
    },
  };
}

async function createDatabase(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await run(url, `CREATE DATABASE ${name}`);
  const database = new URL(url);
  database.pathname = name;
  return database.href;
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Settles when a process says it on its standard error; rejects with what it said when it ends before. */
export async function saying(text: string, child: ChildProcess): Promise<void> {
  const lines: string[] = [];
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`${child.spawnfile} ended with code ${code}:\n${lines.join('')}`);
  });
  const said = new Promise<void>((resolve) => {
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      lines.push(chunk);
      lines.splice(0, lines.length - LINES_KEPT);
      if (lines.join('').includes(text)) resolve();
    });
  });
  await Promise.race([said, exited]);
  exited.catch(() => {});
}

/** PostgreSQL and pgbouncer refuse to run as root. */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'nobody'])));
  return { uid: uid as number, gid: gid as number };
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Between finding a process and signalling it, it may have ended by itself. */
function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return (stdout.match(/\d+/g) ?? []).map(Number);
}

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter(Boolean);
}

function existing(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
