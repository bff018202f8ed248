/**
 * One process of a cluster: an Express app with `mcpOAuth` on the store that all of them share. It says on which port it
 * listens, tells every event, and ends in good order on SIGTERM.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import express from 'express';
import pg from 'pg';
import { createClient } from 'redis';
import { postgresStorage } from '../../adapters/storage/postgres.ts';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { type McpOAuthEvent, type McpOAuthOptions, mcpOAuth, type Storage, sqliteStorage } from '../../lib/index.ts';

/** Where the store is, as text that goes to another process. */
export interface StoreAddress {
  readonly kind: 'postgres' | 'redis' | 'sqlite';
  /** Of SQLite the path of the file. */
  readonly url: string;
  /** Begins every key of Redis. */
  readonly prefix: string;
  readonly timeoutMs: number;
}

export interface WorkerSettings {
  readonly index: number;
  readonly store: StoreAddress;
  readonly options: Partial<McpOAuthOptions> & Pick<McpOAuthOptions, 'issuer' | 'browserLogin'>;
  /** Everything that happens goes to the console. */
  readonly isLogging: boolean;
  /** What is still open so long after SIGTERM is cut off. */
  readonly shutdownMs: number;
}

/** What a process holds. */
export interface Usage {
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Sockets, timers and whatever else keeps a process alive. */
  readonly handles: number;
  /** The delay of the event loop since the last question, milliseconds. */
  readonly delayP99Ms: number;
  readonly cpuMs: number;
}

export type ToWorker =
  | { readonly type: 'clock'; readonly seconds: number }
  | { readonly type: 'rotate' }
  | { readonly type: 'usage'; readonly collectsGarbage: boolean };

export type FromWorker =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'event'; readonly event: McpOAuthEvent }
  | { readonly type: 'done'; readonly result?: unknown };

function openStore({ kind, url, prefix, timeoutMs }: StoreAddress): Storage {
  if (kind === 'sqlite') return sqliteStorage(url, { busyTimeoutMs: timeoutMs });
  if (kind === 'postgres') {
    const limits = { connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs + 500, statement_timeout: timeoutMs };
    const pool = new pg.Pool({ connectionString: url, max: 10, ...limits });
    pool.on('error', () => {});
    return postgresStorage(pool, { migrate: true, statementTimeoutMs: timeoutMs });
  }
  const client = createClient({ url, socket: { reconnectStrategy: 50, connectTimeout: timeoutMs } });
  client.on('error', () => {});
  client.connect().catch(() => {}); // A server that is down is tried again.
  return redisStorage(client, { prefix, commandTimeoutMs: timeoutMs });
}

/** Moves the clock of everything in this process; timers and sockets keep theirs. */
function moveClock(milliseconds: number): void {
  const Base =
    Object.getPrototypeOf(Date) === Function.prototype ? Date : (Object.getPrototypeOf(Date) as DateConstructor);
  class MovedDate extends Base {
    constructor(...parameters: [] | [number]) {
      if (parameters.length === 0) super(Base.now() + milliseconds);
      else super(...parameters);
    }
    static override now(): number {
      return Base.now() + milliseconds;
    }
  }
  globalThis.Date = MovedDate as DateConstructor;
}

const tell = (message: FromWorker) => void process.send?.(message);

const { index, store, options, isLogging, shutdownMs } = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
if (isLogging) {
  // The streams are the app's: without a listener Node ends a process whose output nobody reads (EPIPE).
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
const auth = mcpOAuth({ ...options, storage: openStore(store), ...(isLogging && { logger: console }) });
auth.events.on('*', (event) => tell({ type: 'event', event }));

const app = express();
app.use(auth);
app.all('/mcp', auth.authenticate('/mcp'), (req, res) => {
  res.json({ process: index, user: (req as IncomingMessage & { user?: unknown }).user });
});
app.get('/health', async (_req, res) => {
  const health = await auth.health();
  res.status(health.ok ? 200 : 503).json(health);
});

const server = createServer(app);
server.listen(0, '127.0.0.1', () => tell({ type: 'listening', port: (server.address() as AddressInfo).port }));

const resolutionMs = 10;
const delay = monitorEventLoopDelay({ resolution: resolutionMs });
delay.enable();

function usage(collectsGarbage: boolean): Usage {
  if (collectsGarbage) globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const delayP99Ms = Math.max(0, delay.percentile(99) / 1e6 - resolutionMs);
  delay.reset();
  const handles = process.getActiveResourcesInfo().length;
  return { rssBytes: rss, heapBytes: heapUsed, handles, delayP99Ms, cpuMs: (user + system) / 1000 };
}

process.on('message', async (message: ToWorker) => {
  if (message.type === 'usage') tell({ type: 'done', result: usage(message.collectsGarbage) });
  else if (message.type === 'clock') {
    moveClock(message.seconds * 1000);
    tell({ type: 'done' });
  } else {
    tell({ type: 'done', result: await auth.rotateKeys() });
  }
});

process.once('SIGTERM', () => {
  server.close(async () => {
    await auth.close();
    process.exit(0);
  });
  setTimeout(() => server.closeAllConnections(), shutdownMs).unref();
});
process.once('disconnect', () => process.exit(0));
