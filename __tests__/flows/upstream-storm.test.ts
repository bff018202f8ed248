import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { record as recordFigure } from '../faults/rounds.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { signInByHand } from '../helpers/protected-server.ts';

jest.setTimeout(240_000); // A busy machine.

/** What an upstream does with a stream, after its first event unless it never gets that far. */
const behaviours: Readonly<Record<string, (res: ServerResponse, socket: Socket) => void>> = {
  open: () => undefined,
  reset: (_res, socket) => void socket.resetAndDestroy(),
  half: (res) => void res.write('data: {"jsonrpc":"2.0","me', () => res.destroy()),
  slow: () => undefined,
};
const kinds = Object.keys(behaviours);

const upstreamSockets = new Set<Socket>();
const waiting = new Map<string, () => void>();
const tokens = new Map<string, string>();
let gateway: Gateway;

const upstream = createServer((req: IncomingMessage, res: ServerResponse) => {
  const kind = req.url?.split('/')[1] ?? '';
  req.resume();
  if (kind === 'slow') return waiting.get(String(req.headers['last-event-id']))?.();
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.write('data: {"jsonrpc":"2.0","method":"ping"}\n\n', () => behaviours[kind]?.(res, req.socket));
});
upstream.on('connection', (socket) => {
  upstreamSockets.add(socket.on('error', () => undefined));
  socket.once('close', () => upstreamSockets.delete(socket));
});

beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  gateway = await startGateway({
    routes(app, auth) {
      for (const kind of kinds) {
        app.use(auth.proxy(`/${kind}`, { target: `${origin}/${kind}`, firstByteTimeoutMs: 120_000 }));
      }
    },
  });
  for (const kind of kinds) tokens.set(kind, (await signInByHand(gateway.url, `${gateway.url}/${kind}`)).accessToken);
});

afterAll(async () => {
  await gateway?.close();
  upstream.closeAllConnections();
  upstream.close();
});

let streams = 0;

/** One stream of a client that leaves as soon as it has seen what there is to see. @returns how it ended */
async function stream(kind: string, method: 'GET' | 'POST'): Promise<'left' | 'broken'> {
  streams += 1;
  const name = String(streams);
  const headers = {
    authorization: `Bearer ${tokens.get(kind)}`,
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    'last-event-id': name,
  };
  const sent = request(`${gateway.url}/${kind}`, { method, headers, agent: false });
  const arrived = new Promise<void>((resolve) => waiting.set(name, resolve));
  const closed = new Promise((resolve) => sent.on('error', () => undefined).once('close', resolve));
  sent.end(method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}' : undefined);
  if (kind === 'slow') await arrived;
  else {
    const response = await new Promise<IncomingMessage>((resolve) => sent.once('response', resolve));
    response.on('error', () => undefined);
    if (kind !== 'open') {
      response.resume();
      await closed;
      return 'broken';
    }
    await new Promise((resolve) => response.once('data', resolve));
  }
  sent.destroy();
  await closed;
  return 'left';
}

async function storm(size: number): Promise<void> {
  const ends = await Promise.all(
    Array.from({ length: size }, (_, index) =>
      stream(kinds[index % kinds.length] as string, index % 8 < 4 ? 'POST' : 'GET'),
    ),
  );
  expect(ends.filter((end) => end === 'left').length).toBe(size / 2);
}

/** Open files of this process, sockets on either side of the proxy included. */
const openFiles = () => readdirSync('/proc/self/fd').length;

const openSockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

/** Until nothing of a storm is left, idle connections included. @returns milliseconds */
async function calm(files: number, sockets: number): Promise<number> {
  const begun = performance.now();
  while (openFiles() > files || openSockets() > sockets || upstreamSockets.size > 0) await pause(50);
  return performance.now() - begun;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** What is alive, and what the process holds: V8 gives pages back when it likes. */
function memoryMb(): { readonly used: number; readonly resident: number } {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: (heapUsed + external) / 2 ** 20, resident: rss / 2 ** 20 };
}

test('300 streams that clients leave, or that the upstream resets, halves or never begins, leave no file, socket or memory behind (F-36)', async () => {
  await storm(96); // Code, pools and buffers that stay.
  await calm(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  const [files, sockets, memory] = [openFiles(), openSockets(), memoryMb()];

  const took: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    await storm(304);
    took.push(await calm(files * 1.1, sockets * 1.1));
  }

  const after = memoryMb();
  expect(after.used).toBeLessThan(memory.used * 1.1 + 20);
  expect(after.resident).toBeLessThan(memory.resident * 1.1 + 300);
  const seconds = (Math.max(...took) / 1000).toFixed(1);
  recordFigure(
    'F-36',
    'faulty upstream',
    `2 storms of 304 streams: files ${files} before, ${openFiles()} after, within ${seconds} s; memory in use ${memory.used.toFixed(0)} MB, then ${after.used.toFixed(0)} MB; resident ${memory.resident.toFixed(0)} MB, then ${after.resident.toFixed(0)} MB`,
  );
});
