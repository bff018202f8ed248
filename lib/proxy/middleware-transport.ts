import { EventEmitter } from 'node:events';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import { createProxyMiddleware, proxyEventsPlugin } from 'http-proxy-middleware';
import { fromRawHeaders } from '../shared/header-list.ts';
import { UpstreamFailure, type UpstreamRequest, type UpstreamResponse, type UpstreamTransport } from './transport.ts';
import type { UpstreamProblem } from './upstream-error.ts';

interface Settle {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (failure: UpstreamFailure) => void;
}

/**
 * One attempt, in the place of the client's response: http-proxy-middleware ends the response it is given when the upstream
 * breaks off, which is not its decision here, since another attempt may follow.
 */
class Attempt extends EventEmitter {
  readonly source: Readable;
  readonly headersSent = false;
  readonly finished = false;
  destroyed = false;
  writableFinished = false;
  private readonly settle: Settle;
  private timer: NodeJS.Timeout | undefined;
  private isTimedOut = false;
  private hasAnswer = false;

  constructor(source: Readable, settle: Settle) {
    super();
    this.source = source;
    this.settle = settle;
  }

  limit(request: ClientRequest, firstByteTimeoutMs: number): void {
    if (firstByteTimeoutMs === 0) return;
    this.timer = setTimeout(() => {
      this.isTimedOut = true;
      request.destroy(new Error('first byte timeout'));
    }, firstByteTimeoutMs);
  }

  answer(response: UpstreamResponse): void {
    clearTimeout(this.timer);
    this.hasAnswer = true;
    this.settle.resolve(response);
  }

  /** Without effect once there is an answer: then its body tells. */
  fail(problem: UpstreamProblem, cause?: unknown): void {
    clearTimeout(this.timer);
    if (!this.hasAnswer)
      this.settle.reject(new UpstreamFailure(this.isTimedOut ? { reason: 'timed_out' } : problem, { cause }));
  }

  /** The client's response has ended; ends what is still open at the upstream. */
  end(isComplete: boolean): void {
    clearTimeout(this.timer);
    this.writableFinished = isComplete;
    this.emit('close');
  }

  destroy(): void {
    this.destroyed = true;
  }
}

/** What http-proxy-middleware reads of a request. Its bytes always come from `source`. */
function requestOf({ method, path, headers }: UpstreamRequest): IncomingMessage {
  const standIn = Object.assign(new EventEmitter(), {
    method,
    url: path,
    headers: { ...headers },
    httpVersion: '1.1',
    httpVersionMajor: 1,
    socket: { writable: true },
  });
  return standIn as unknown as IncomingMessage;
}

/** Requests by http-proxy-middleware, for every method. */
export function createMiddlewareTransport(target: URL): UpstreamTransport {
  // The default agent stops at 256 sockets, which as many open SSE streams use up.
  const agentOptions = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 256 };
  const agent = target.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const attempts = new WeakMap<IncomingMessage, { readonly attempt: Attempt; readonly request: UpstreamRequest }>();

  const middleware = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: target.origin,
    changeOrigin: true,
    agent,
    selfHandleResponse: true,
    // The other plugins print, or answer in our place.
    ejectPlugins: true,
    plugins: [proxyEventsPlugin],
    router(req, _res, activeOptions) {
      const found = attempts.get(req);
      if (found) activeOptions.buffer = found.attempt.source;
      return target.origin;
    },
    on: {
      proxyReq(proxyReq, req) {
        const found = attempts.get(req);
        if (!found) return;
        // An upstream that changes the protocol unasked ends the exchange without an answer and without an error.
        proxyReq.once('close', () => found.attempt.fail({ reason: 'unreachable', code: 'closed' }));
        found.attempt.limit(proxyReq, found.request.firstByteTimeoutMs);
      },
      proxyRes(proxyRes, req) {
        const { statusCode = 502, rawHeaders } = proxyRes;
        attempts.get(req)?.attempt.answer({ status: statusCode, headers: fromRawHeaders(rawHeaders), body: proxyRes });
      },
      error(error, req) {
        const code = (error as NodeJS.ErrnoException).code ?? 'error';
        attempts.get(req)?.attempt.fail({ reason: 'unreachable', code }, error);
      },
    },
  });

  return {
    send: (request, res) =>
      new Promise((resolve, reject) => {
        const { body } = request;
        const source = Buffer.isBuffer(body) ? Readable.from(body.length > 0 ? [body] : []) : body;
        const attempt = new Attempt(source, { resolve, reject });
        const req = requestOf(request);
        attempts.set(req, { attempt, request });
        res.once('close', () => attempt.end(res.writableFinished));
        middleware(req, attempt as unknown as ServerResponse).catch((cause: unknown) =>
          attempt.fail({ reason: 'unreachable', code: 'error' }, cause),
        );
      }),
    close: () => agent.destroy(),
  };
}
