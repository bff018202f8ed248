import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, saying, serverUser } from './postgres-server.ts';

export interface PgBouncer {
  /** @returns the same database as `url`, through the pooler. */
  through(url: string): string;
  close(): Promise<void>;
}

const BINARY = '/usr/sbin/pgbouncer';

/** Debian's place of pgbouncer, where it is installed. */
export function findPgBouncer(): string | undefined {
  try {
    accessSync(BINARY);
    return BINARY;
  } catch {
    return undefined;
  }
}

/**
 * A real pgbouncer in transaction mode before every database of a server: each statement may run on another of few
 * sessions. Nobody is asked for a password.
 */
export async function startPgBouncer(serverUrl: string): Promise<PgBouncer> {
  const binary = findPgBouncer();
  if (!binary) throw new Error('these tests need pgbouncer: apt-get install pgbouncer');
  const { hostname, port: serverPort, username } = new URL(serverUrl);
  const folder = mkdtempSync(join(tmpdir(), 'test-pgbouncer-'));
  const user = serverUser();
  if (user) chownSync(folder, user.uid, user.gid);
  const port = await freePort();
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 3,
    max_client_conn: 500,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const databases = `[databases]\n* = host=${hostname} port=${serverPort} user=${username}\n`;
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, `${databases}[pgbouncer]\n${lines.join('\n')}\n`);
  const pooler: ChildProcess = spawn(binary, [file], { ...user, cwd: folder });
  await saying('process up', pooler);
  return {
    through(url) {
      const throughPooler = new URL(url);
      throughPooler.port = String(port);
      return throughPooler.href;
    },
    async close() {
      const ended = once(pooler, 'exit');
      pooler.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
