import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createClient } from 'redis';

export interface RedisServer {
  readonly url: string;
  /** Of this test run alone: begins every key that a test writes. */
  readonly prefix: string;
  /** Ends the process at once, as a crash does. */
  stop(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
  /** The process answers nothing, and its connections stay open. */
  pause(): void;
  resume(): void;
  /** Stops the server and removes its files; removes the keys of this run from a server that is not ours. */
  close(): Promise<void>;
}

export interface RedisCluster {
  /** The masters first, then their replicas. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly prefix: string;
  close(): Promise<void>;
}

export interface RedisServerOptions {
  /** Options of redis-server, such as `['--appendonly', 'yes']`: such a server is never someone else's. */
  readonly args?: readonly string[];
  /** True for a server that can be stopped and paused, whatever TEST_REDIS_URL says. @defaultValue false */
  readonly isOwn?: boolean;
}

export interface Binaries {
  readonly server: string;
  readonly cli: string;
}

export interface Node {
  readonly port: number;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly signal: (name: 'SIGSTOP' | 'SIGCONT') => void;
}

export const HOST = '127.0.0.1';
const START_LIMIT_MS = 15_000;

/** One server: the one of TEST_REDIS_URL, or a new one on a free port of this machine. */
export async function startRedis({
  args = [],
  isOwn = args.length > 0,
}: RedisServerOptions = {}): Promise<RedisServer> {
  const strangersUrl = process.env.TEST_REDIS_URL;
  if (strangersUrl !== undefined && !isOwn) return useStrangersServer(strangersUrl);
  const binaries = findBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-redis-'));
  const node = createNode(binaries, await freePort(), folder, args);
  await node.start();
  return {
    url: `redis://${HOST}:${node.port}`,
    prefix: newPrefix(),
    stop: node.stop,
    restart: node.start,
    pause: () => node.signal('SIGSTOP'),
    resume: () => node.signal('SIGCONT'),
    async close() {
      await node.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Three masters with a replica each, on free ports of this machine. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const binaries = findBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'mcp-redis-cluster-'));
  const nodes: Node[] = [];
  for (let i = 0; i < 6; i += 1) nodes.push(await createClusterNode(binaries, folder));
  const close = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await rm(folder, { recursive: true });
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
    await joinNodes(binaries, nodes);
  } catch (error) {
    await close();
    throw error;
  }
  return { nodes: nodes.map(({ port }) => ({ host: HOST, port })), prefix: newPrefix(), close };
}

export function newPrefix(): string {
  return `test-${randomUUID()}:`;
}

function useStrangersServer(url: string): RedisServer {
  const prefix = newPrefix();
  const refuse = () => {
    throw new Error('the server of TEST_REDIS_URL is not ours; ask for one of its own with { isOwn: true }');
  };
  const close = async () => {
    const client = await createClient({ url }).connect();
    for await (const keys of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1000 })) {
      if (keys.length > 0) await client.del(keys);
    }
    client.destroy();
  };
  return {
    url,
    prefix,
    stop: async () => refuse(),
    restart: async () => refuse(),
    pause: refuse,
    resume: refuse,
    close,
  };
}

export function findBinaries(): Binaries {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
  for (const name of ['redis', 'valkey']) {
    const server = folders.map((folder) => join(folder, `${name}-server`)).find(isExecutable);
    if (server !== undefined) return { server, cli: join(dirname(server), `${name}-cli`) };
  }
  throw new Error(
    'no Redis for this test: set TEST_REDIS_URL, or install one (Debian: apt-get install redis-server). ' +
      'Tests that stop the server, and those of the cluster, need it on this machine.',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function createNode(
  { server, cli: cliPath }: Binaries,
  port: number,
  folder: string,
  args: readonly string[],
): Node {
  let child: ChildProcess | undefined;

  async function stop(): Promise<void> {
    if (!child || hasExited(child)) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async function start(): Promise<void> {
    await stop();
    const options = ['--port', String(port), '--bind', HOST, '--dir', folder, '--save', '', '--loglevel', 'warning'];
    const started = spawn(server, [...options, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    let log = '';
    started.stdout.on('data', (chunk) => {
      log += chunk;
    });
    await until(async () => {
      if (hasExited(started)) throw new Error(`${server} ended by itself: ${log}`);
      return (await cli({ server, cli: cliPath }, '-p', String(port), 'ping')) === 'PONG';
    });
  }

  return { port, start, stop, signal: (name) => void child?.kill(name) };
}

async function createClusterNode(binaries: Binaries, folder: string): Promise<Node> {
  const port = await freePort();
  const files = join(folder, String(port));
  await mkdir(files);
  const sync = ['--repl-diskless-sync-delay', '0'];
  return createNode(binaries, port, files, ['--cluster-enabled', 'yes', '--cluster-node-timeout', '500', ...sync]);
}

export function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Nodes wait for their timeout before they serve: short at first, and then long, so that a busy machine does not fail over. */
async function joinNodes(binaries: Binaries, nodes: readonly Node[]): Promise<void> {
  const addresses = nodes.map(({ port }) => `${HOST}:${port}`);
  await cli(binaries, '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes');
  for (const { port } of nodes) {
    await until(() => isInCluster(binaries, port));
    await cli(binaries, '-p', String(port), 'config', 'set', 'cluster-node-timeout', '15000');
  }
}

/** True once this node serves, knows who is whose replica and, where it is a replica itself, has its master's data. */
async function isInCluster(binaries: Binaries, port: number): Promise<boolean> {
  const tell = (...command: string[]) => cli(binaries, '-p', String(port), ...command);
  const [state, nodes, replication] = [
    await tell('cluster', 'info'),
    await tell('cluster', 'nodes'),
    await tell('info', 'replication'),
  ];
  const countOf = (pattern: RegExp) => nodes.match(pattern)?.length;
  const knowsAll = countOf(/\bmaster -/g) === 3 && countOf(/\bslave [0-9a-f]{40}/g) === 3;
  return /cluster_state:ok/.test(state) && knowsAll && !/master_link_status:down/.test(replication);
}

/** What redis-cli prints; empty where it fails, as it does while a server starts. */
export async function cli({ cli: path }: Binaries, ...args: string[]): Promise<string> {
  return promisify(execFile)(path, args).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}

export async function until(isReached: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (!(await isReached())) {
    if (performance.now() > deadline) throw new Error(`Redis was not ready within ${START_LIMIT_MS} ms`);
    await pause(20);
  }
}

/** Below the ports that systems give to clients, with the one that a cluster node's bus takes: 10000 higher. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 22_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
