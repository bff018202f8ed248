/**
 * A reverse proxy in front of a sound deployment that breaks it in one way: it answers a request itself, or changes an
 * answer. Everything else goes through untouched, event streams as they come.
 */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

export interface FrontRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  status: number;
  headers: Record<string, string | string[]>;
  body: string;
}

/** What is wrong. All of it is live. */
export interface Breakage {
  /** Answers instead of the deployment. */
  answer?: (request: FrontRequest) => Partial<Reply> | undefined;
  /** Changes what is forwarded. */
  forward?: (request: FrontRequest) => Record<string, string | string[] | undefined>;
  /** Changes the deployment's answer, in place. */
  change?: (reply: Reply, request: FrontRequest) => void | Promise<void>;
  /** Keeps event streams until they end. */
  holdsStreams?: boolean;
  /** Called when a piece of an event stream has gone out. */
  streamed?: (text: string) => void;
}

export interface BrokenFront {
  readonly origin: string;
  readonly port: number;
  breakage: Breakage;
  /** Where requests go. */
  target: number;
  close(): Promise<void>;
}

function send(response: ServerResponse, { status = 200, headers = {}, body = '' }: Partial<Reply>): void {
  const kept = Object.entries(headers).filter(
    ([name]) => !/^(content-length|transfer-encoding|connection)$/.test(name),
  );
  response.writeHead(status, { ...Object.fromEntries(kept), 'content-length': Buffer.byteLength(body) }).end(body);
}

/** @param certificate for https; the origin then has this name */
export async function startBrokenFront(certificate?: {
  cert: string;
  key: string;
  name: string;
}): Promise<BrokenFront> {
  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray()).toString();
    const url = new URL(incoming.url ?? '/', 'http://front');
    const { method = 'GET', headers } = incoming;
    const request: FrontRequest = { method, path: url.pathname, query: url.searchParams, headers, body };
    const { breakage } = front;
    const instead = breakage.answer?.(request);
    if (instead) return send(response, instead);
    const forwarded = { ...headers, ...breakage.forward?.(request) };
    const sent = http.request({
      host: '127.0.0.1',
      port: front.target,
      method,
      path: incoming.url,
      headers: Object.fromEntries(Object.entries(forwarded).filter(([, value]) => value !== undefined)),
      agent: false,
    });
    sent.on('error', () => response.destroy());
    response.on('close', () => sent.destroy());
    sent.on('response', (answer) => {
      const { statusCode: status = 0, headers: answerHeaders } = answer;
      const isStream = answerHeaders['content-type'] === 'text/event-stream';
      if (isStream && method === 'GET' && breakage.holdsStreams) return void answer.resume();
      if (isStream && !breakage.holdsStreams) {
        response.writeHead(status, answerHeaders).flushHeaders();
        return void answer
          .on('data', (chunk) => response.write(chunk, () => breakage.streamed?.(String(chunk))))
          .on('end', () => response.end());
      }
      answer
        .toArray()
        .then(async (chunks) => {
          const reply = {
            status,
            headers: { ...answerHeaders } as Reply['headers'],
            body: Buffer.concat(chunks).toString(),
          };
          await breakage.change?.(reply, request);
          send(response, reply);
        })
        .catch(() => response.destroy());
    });
    sent.end(body);
  }

  const listener: RequestListener = (request, response) => {
    serve(request, response).catch(() => response.destroy());
  };
  const server = certificate ? https.createServer(certificate, listener) : http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const front: BrokenFront = {
    origin: certificate ? `https://${certificate.name}:${port}` : `http://127.0.0.1:${port}`,
    port,
    breakage: {},
    target: 0,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return front;
}

/** Changes the JSON of the answers at some paths. */
export function changeJson(matches: RegExp, change: (document: Record<string, unknown>) => void): Breakage {
  return {
    change(reply, { path }) {
      if (!matches.test(path) || !reply.body.startsWith('{')) return;
      const document = JSON.parse(reply.body) as Record<string, unknown>;
      change(document);
      reply.body = JSON.stringify(document);
    },
  };
}
