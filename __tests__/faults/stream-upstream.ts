/** An upstream that keeps GET requests open as event streams, and answers others once its gate is open. */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bearer } from '../helpers/protected-server.ts';

export interface StreamUpstream {
  readonly url: string;
  /** Event streams that are open now. */
  readonly streams: () => number;
  /** Other requests that wait for the gate. */
  readonly waiting: () => number;
  /** Closed, other requests wait. */
  gate(isOpen: boolean): void;
  close(): Promise<void>;
}

export async function startStreamUpstream(): Promise<StreamUpstream> {
  const streams = new Set<ServerResponse>();
  const waiting = new Set<ServerResponse>();
  let isGateOpen = true;
  const answer = (res: ServerResponse) => {
    waiting.delete(res);
    res.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  };

  const server = createServer((req, res) => {
    req.resume();
    if (req.method === 'GET') {
      streams.add(res);
      res.once('close', () => streams.delete(res));
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"jsonrpc":"2.0","method":"hello"}\n\n');
    } else {
      waiting.add(res);
      if (isGateOpen) answer(res);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    streams: () => streams.size,
    waiting: () => waiting.size,
    gate(isOpen) {
      isGateOpen = isOpen;
      if (isOpen) for (const res of waiting) answer(res);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface OpenStream {
  /** Settles when the stream ends, however. */
  readonly ended: Promise<void>;
  abort(): void;
}

/** Opens an event stream on a connection of its own, up to its first bytes. */
export async function openStream(url: string, accessToken: string): Promise<OpenStream> {
  const request = get(url, { agent: false, headers: { accept: 'text/event-stream', ...bearer(accessToken) } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => {});
  response.on('error', () => {});
  if (response.statusCode !== 200) throw new Error(`no stream: ${response.statusCode}`);
  await once(response, 'data');
  const ended = new Promise<void>((resolve) => void response.once('close', resolve));
  return { ended, abort: () => void request.destroy() };
}
