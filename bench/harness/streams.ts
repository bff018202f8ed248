import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { quantile } from './statistics.ts';

export interface StreamLoad {
  readonly streams: number;
  /** Of all streams together. */
  readonly messagesPerSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What came through in one run. */
export interface StreamSample {
  /** Streams whose head came within the limit. */
  readonly opened: number;
  readonly receivedPerSecond: number;
  /** From the upstream's write to the client's read. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the clients' leaving until the upstream had no connection of theirs; infinite where it still had one after the limit. */
  readonly closedMs: number;
}

const openLimitMs = 10_000;
const closeLimitMs = 5_000;
const tickMs = 5;

/** An MCP server that only streams. It lives in the load generator's process, so that one clock dates both ends. */
export interface StreamUpstream {
  readonly url: string;
  readonly open: () => number;
  /** Sends messages round robin until it is stopped. */
  send(messagesPerSecond: number): () => void;
  close(): Promise<void>;
}

export async function startStreamUpstream(): Promise<StreamUpstream> {
  const streams = new Set<ServerResponse>();
  const server = createServer((req, res) => {
    req.resume();
    streams.add(res);
    res.once('close', () => streams.delete(res));
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    open: () => streams.size,
    send(messagesPerSecond) {
      let owed = 0;
      let before = performance.now();
      let queue: ServerResponse[] = [];
      const timer = setInterval(() => {
        const now = performance.now();
        owed += ((now - before) * messagesPerSecond) / 1000;
        before = now;
        for (; owed >= 1; owed -= 1) {
          if (queue.length === 0) queue = [...streams];
          const params = { level: 'info', sentAt: performance.now(), data: 'as small as messages are in practice' };
          const message = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params });
          queue.pop()?.write(`event: message\ndata: ${message}\n\n`);
        }
      }, tickMs);
      return () => clearInterval(timer);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Where streams come from, and how they are asked for. */
export interface StreamSource {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** GET as until 2025-11-25, POST as since 2026-07-28. */
  readonly method: 'GET' | 'POST';
}

const listen = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications: {} } });

/** Opens one stream; undefined where its head does not come in time. */
function openStream({ url, headers, method }: StreamSource, agent: Agent): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const type = method === 'POST' ? { 'content-type': 'application/json' } : {};
    const all = { accept: 'text/event-stream', ...type, ...headers };
    const request = httpRequest(url, { agent, method, headers: all });
    const timer = setTimeout(() => resolve(undefined), openLimitMs);
    request.on('error', () => resolve(undefined));
    request.once('response', (response) => {
      clearTimeout(timer);
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`a stream was answered with ${response.statusCode}`));
    });
    request.end(method === 'POST' ? listen : undefined);
  });
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Holds all streams open while messages run through them, then leaves. @param during what is asked at both ends of the measurement */
export async function runStreams<Usage>(
  source: StreamSource,
  upstream: StreamUpstream,
  load: StreamLoad,
  during: () => Promise<Usage>,
): Promise<{ sample: StreamSample; before: Usage; after: Usage }> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const stop = upstream.send(load.messagesPerSecond); // Some proxies open a stream with its first message only.
  const all = await Promise.all(Array.from({ length: load.streams }, () => openStream(source, agent)));
  const opened = all.filter((response) => response !== undefined);
  let latenciesMs: number[] = [];
  for (const response of opened) {
    response.on('data', (chunk: Buffer) => {
      const now = performance.now();
      for (const [, sentAt] of chunk.toString().matchAll(/"sentAt":([\d.]+)/g)) latenciesMs.push(now - Number(sentAt));
    });
    response.on('error', () => undefined);
  }
  await wait(load.warmUpMs);
  latenciesMs = [];
  const before = await during();
  const start = performance.now();
  await wait(load.measureMs);
  const seconds = (performance.now() - start) / 1000;
  const measured = latenciesMs;
  latenciesMs = [];
  const after = await during();
  stop();

  const left = performance.now();
  agent.destroy();
  for (const response of opened) response.destroy();
  while (upstream.open() > 0 && performance.now() - left < closeLimitMs) await wait(5);
  const closedMs = upstream.open() > 0 ? Number.POSITIVE_INFINITY : performance.now() - left;
  const sample = {
    opened: opened.length,
    receivedPerSecond: measured.length / seconds,
    p50Ms: quantile(measured, 0.5),
    p99Ms: quantile(measured, 0.99),
    closedMs,
  };
  return { sample, before, after };
}
