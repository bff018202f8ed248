/** A master with a replica, and one Sentinel that lets the replica take over as soon as the master is gone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli, createNode, findBinaries, freePort, HOST, hasExited, newPrefix, until } from './redis-server.ts';

export interface RedisSentinel {
  readonly sentinel: { readonly host: string; readonly port: number };
  /** What the master is called there. */
  readonly name: string;
  readonly prefix: string;
  /** Ends the master once its replica has everything, and waits until that one has taken over. */
  failOver(): Promise<void>;
  close(): Promise<void>;
}

const name = 'the-master';

export async function startRedisSentinel(): Promise<RedisSentinel> {
  const binaries = findBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-redis-sentinel-'));
  const node = async (args: readonly string[]) => {
    const port = await freePort();
    await mkdir(join(folder, String(port)));
    return createNode(binaries, port, join(folder, String(port)), ['--repl-diskless-sync-delay', '0', ...args]);
  };
  const master = await node([]);
  await master.start();
  const replica = await node(['--replicaof', HOST, String(master.port)]);
  await replica.start();
  const tell = (port: number, ...command: string[]) => cli(binaries, '-p', String(port), ...command);
  await until(async () => /master_link_status:up/.test(await tell(replica.port, 'info', 'replication')));

  const port = await freePort();
  const file = join(folder, 'sentinel.conf');
  const rules = [
    `port ${port}`,
    `bind ${HOST}`,
    `dir ${folder}`,
    `sentinel monitor ${name} ${HOST} ${master.port} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 10000`,
  ];
  await writeFile(file, `${rules.join('\n')}\n`);
  const sentinel = spawn(binaries.server, [file, '--sentinel'], { stdio: 'ignore' });
  await until(async () => /slaves=1/.test(await tell(port, 'info', 'sentinel')));

  return {
    sentinel: { host: HOST, port },
    name,
    prefix: newPrefix(),
    async failOver() {
      const offsetOf = async (of: number) =>
        /master_repl_offset:(\d+)/.exec(await tell(of, 'info', 'replication'))?.[1];
      await until(async () => (await offsetOf(master.port)) === (await offsetOf(replica.port)));
      await master.stop();
      await until(async () => /role:master/.test(await tell(replica.port, 'info', 'replication')));
    },
    async close() {
      if (!hasExited(sentinel)) {
        sentinel.kill('SIGKILL');
        await once(sentinel, 'exit');
      }
      await master.stop();
      await replica.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
