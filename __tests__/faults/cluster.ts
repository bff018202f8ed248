import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { McpOAuthEvent, McpOAuthOptions } from '../../lib/index.ts';
import { type Front, startFront } from './front.ts';
import type { FromWorker, StoreAddress, ToWorker, Usage, WorkerSettings } from './gateway-worker.ts';

/** Several processes of one app on one store, behind a front that gives each connection to the next of them. */
export interface Cluster {
  /** The issuer: the front's URL. */
  readonly url: string;
  readonly front: Front;
  /** Every event of every process. */
  readonly events: McpOAuthEvent[];
  /** Ends a process as a crash does; the front learns of it by refused connections. */
  kill(index: number): Promise<void>;
  /** Takes a process out of rotation, then ends it in good order. @returns its exit code */
  stop(index: number): Promise<number | null>;
  start(index: number): Promise<void>;
  /** Tells a process to end that is still in rotation. @returns its exit code, once it has */
  terminate(index: number): Promise<number | null>;
  /** `stop`, then `start`. */
  restart(index: number): Promise<void>;
  /** The process answers nothing, and its connections stay open. */
  pause(index: number): void;
  resume(index: number): void;
  /** Every process is ended, then started again with other options. */
  restartAll(options?: Partial<McpOAuthOptions>): Promise<void>;
  /** Moves the clock of every process, from the system's time. */
  moveClock(seconds: number): Promise<void>;
  rotateKeys(index: number): Promise<{ rotated: boolean }>;
  /** @param collectsGarbage first, so that the heap is what is still used */
  usage(index: number, collectsGarbage?: boolean): Promise<Usage>;
  close(): Promise<void>;
}

export interface ClusterSettings {
  readonly store: StoreAddress;
  /** @defaultValue 3 */
  readonly size?: number;
  /** Over the defaults: issuer, dev login, one secret, no token cache. */
  readonly options?: Partial<McpOAuthOptions>;
  /** Every process logs to a console that nobody reads. @defaultValue false */
  readonly isLogUnread?: boolean;
  /** What is still open so long after a process was told to end is cut off. @defaultValue 10,000 */
  readonly shutdownMs?: number;
}

export const secret = 'a secret that every process of the cluster has';

const script = fileURLToPath(new URL('./gateway-worker.ts', import.meta.url));

export async function startCluster(settings: ClusterSettings): Promise<Cluster> {
  const { store, size = 3, options: given = {}, isLogUnread = false, shutdownMs = 10_000 } = settings;
  const front = await startFront();
  const events: McpOAuthEvent[] = [];
  const workers = new Map<number, ChildProcess>();
  const indexes = Array.from({ length: size }, (_, index) => index);
  let changes: Partial<McpOAuthOptions> = {};

  function settingsOf(index: number): WorkerSettings {
    const options = {
      issuer: front.url,
      browserLogin: { url: `${front.url}/oauth/dev-login` },
      secret,
      ...given,
      ...changes,
      gateway: { tokenCacheSeconds: 0, ...given.gateway, ...changes.gateway },
    };
    return { index, store, options, isLogging: isLogUnread, shutdownMs };
  }

  async function start(index: number): Promise<void> {
    const execArgv = ['--disable-warning=ExperimentalWarning', '--expose-gc'];
    const worker = fork(script, [JSON.stringify(settingsOf(index))], { execArgv, silent: isLogUnread });
    worker.stdout?.destroy();
    worker.stderr?.destroy();
    workers.set(index, worker);
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'event') events.push(message.event);
    });
    const { port } = await reply(worker, 'listening');
    front.join(index, port);
  }

  async function end(index: number, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const worker = workers.get(index);
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return null;
    const exited = once(worker, 'exit');
    worker.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }

  async function stop(index: number): Promise<number | null> {
    await front.leave(index);
    return end(index, 'SIGTERM');
  }

  async function ask(index: number, message: ToWorker): Promise<unknown> {
    const worker = workers.get(index) as ChildProcess;
    const done = reply(worker, 'done');
    worker.send(message);
    return (await done).result;
  }

  await Promise.all(indexes.map(start));
  return {
    url: front.url,
    front,
    events,
    kill: async (index) => void (await end(index, 'SIGKILL')),
    stop,
    start,
    terminate: (index) => end(index, 'SIGTERM'),
    async restart(index) {
      await stop(index);
      await start(index);
    },
    pause: (index) => void workers.get(index)?.kill('SIGSTOP'),
    resume: (index) => void workers.get(index)?.kill('SIGCONT'),
    async restartAll(options = {}) {
      await Promise.all(indexes.map(stop));
      changes = options;
      await Promise.all(indexes.map(start));
    },
    moveClock: async (seconds) =>
      void (await Promise.all(indexes.map((index) => ask(index, { type: 'clock', seconds })))),
    rotateKeys: async (index) => (await ask(index, { type: 'rotate' })) as { rotated: boolean },
    usage: async (index, collectsGarbage = false) => (await ask(index, { type: 'usage', collectsGarbage })) as Usage,
    async close() {
      await Promise.all(indexes.map((index) => end(index, 'SIGKILL')));
      await front.close();
    },
  };
}

/** The next message of a type; rejects where the process ends before. */
async function reply<T extends FromWorker['type']>(
  worker: ChildProcess,
  type: T,
): Promise<Extract<FromWorker, { type: T }>> {
  return new Promise((resolve, reject) => {
    const end = (code: number | null) => reject(new Error(`a process of the cluster ended with code ${code}`));
    const hear = (message: FromWorker) => {
      if (message.type !== type) return;
      worker.off('message', hear).off('exit', end);
      resolve(message as Extract<FromWorker, { type: T }>);
    };
    worker.on('message', hear).once('exit', end);
  });
}
