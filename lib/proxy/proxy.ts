import { Agent as HttpAgent, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Readable } from 'node:stream';
import { createProxyMiddleware } from 'http-proxy-middleware';
import type { ResolvedProxy } from '../resolve-route-options.ts';
import type { EventSink } from '../shared/events.ts';
import { fromRawHeaders, type Header } from '../shared/header-list.ts';
import { sendJson } from '../shared/http.ts';
import { peekBody } from '../shared/request-body.ts';
import type { UpstreamCredentials } from '../shared/upstream-credentials.ts';
import { requestPolicy, responsePolicy } from './header-policy.ts';
import { describeUpstreamProblem, type UpstreamProblem, upstreamAnswer } from './upstream-error.ts';

const methods = new Set(['POST', 'GET', 'DELETE']);

type ParsedRequest = IncomingMessage & { readonly body?: unknown };

interface Exchange {
  /** Body that a parser of the app read before us. */
  readonly body: Buffer | undefined;
  firstByte?: NodeJS.Timeout;
  isAnswered: boolean;
  timedOut: boolean;
}

export interface ProxyDependencies {
  readonly events: EventSink;
  /** Absent where the upstream needs no credential. */
  readonly credentials?: UpstreamCredentials | undefined;
}

export interface Proxy {
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** Closes idle connections to the upstream. */
  readonly close: () => void;
}

/** Answers for the upstream as JSON-RPC, so that an MCP client can show it. */
function sendUpstreamError(res: ServerResponse, problem: UpstreamProblem): void {
  if (res.headersSent) {
    res.destroy(); // A stream that broke must not look complete.
    return;
  }
  const { status, message, retryAfterSeconds } = upstreamAnswer(problem);
  const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
  sendJson(res, status, { jsonrpc: '2.0', id: null, error: { code: -32603, message } }, headers);
}

/** What a POST says, for those who decide by it. */
async function readMessage(req: IncomingMessage, maxBodyBytes: number): Promise<unknown> {
  if (req.method !== 'POST') return undefined;
  const peeked = await peekBody(req, maxBodyBytes);
  if (peeked.kind === 'parsed') return peeked.value;
  if (peeked.kind !== 'bytes') return undefined;
  try {
    return JSON.parse(peeked.bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * What goes up instead of the request's own stream: what a body parser in front of us has consumed, as bytes again; for
 * other methods than POST nothing, since Node frames no body of theirs, and its bytes would be read as another request
 * (RFC 9112 section 11.2).
 */
function replacedBody(req: ParsedRequest): Buffer | undefined {
  if (req.method !== 'POST') return Buffer.alloc(0);
  if (!req.readableEnded || req.body === undefined) return undefined;
  if (Buffer.isBuffer(req.body)) return req.body;
  return Buffer.from(typeof req.body === 'string' ? req.body : JSON.stringify(req.body));
}

/** Replaces the parsed headers; the raw list is not used by the transport. */
function setHeaders(message: IncomingMessage, headers: readonly Header[]): void {
  const parsed: Record<string, string> = {};
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    parsed[lower] = parsed[lower] === undefined ? value : `${parsed[lower]}, ${value}`;
  }
  message.headers = parsed;
}

/** The decoded name of one `name=value` of a query. */
function parameterName(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? '';
}

/** The fixed path of the upstream, with the caller's query where that is wanted. No part of it comes from the caller's path. */
function upstreamPath(target: URL, req: IncomingMessage, forwardSearch: boolean): string {
  const mark = (req.url ?? '').indexOf('?');
  const query = forwardSearch && mark >= 0 ? (req.url ?? '').slice(mark + 1) : '';
  const fixed = new Set(target.searchParams.keys());
  const given =
    fixed.size === 0
      ? query
      : query
          .split('&')
          .filter((pair) => !fixed.has(parameterName(pair)))
          .join('&');
  const search = [target.search.slice(1), given].filter(Boolean).join('&');
  return search ? `${target.pathname}?${search}` : target.pathname;
}

/** Streams requests to one upstream MCP server (MCP 2026-07-28, Streamable HTTP): fixed target, header allow-lists both ways. */
export function createProxy(
  options: ResolvedProxy,
  resourcePath: string,
  { events, credentials }: ProxyDependencies,
): Proxy {
  const target = new URL(options.target);
  // The default agent stops at 256 sockets, which as many open SSE streams use up.
  const agentOptions = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, maxFreeSockets: 256 };
  const agent = target.protocol === 'https:' ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const exchanges = new WeakMap<IncomingMessage, Exchange>();

  function fail(res: ServerResponse, problem: UpstreamProblem): void {
    const { status } = upstreamAnswer(problem);
    events.emit({ type: 'proxy.failed', resource: resourcePath, reason: describeUpstreamProblem(problem), status });
    sendUpstreamError(res, problem);
  }

  /** Problems in the upstream's answer that must not reach the client as they are. */
  function answerProblem(status: number): UpstreamProblem | undefined {
    if (status === 401) return { reason: 'unauthorized' };
    return status >= 300 && status < 400 && status !== 304 ? { reason: 'redirected', status } : undefined;
  }

  const middleware = createProxyMiddleware<IncomingMessage, ServerResponse>({
    target: target.origin,
    changeOrigin: true,
    agent,
    router(req, _res, activeOptions) {
      const body = exchanges.get(req)?.body;
      if (body) activeOptions.buffer = Readable.from(body.length > 0 ? [body] : []);
      return target.origin;
    },
    on: {
      proxyReq(proxyReq, req, res) {
        const exchange = exchanges.get(req);
        // An upstream that changes the protocol unasked ends the exchange without an answer and without an error.
        proxyReq.once('close', () => {
          if (!exchange?.isAnswered && !res.destroyed && !res.writableEnded)
            fail(res, { reason: 'unreachable', code: 'closed' });
        });
        if (!exchange || req.method !== 'POST' || options.firstByteTimeoutMs === 0) return;
        exchange.firstByte = setTimeout(() => {
          exchange.timedOut = true;
          proxyReq.destroy(new Error('first byte timeout'));
        }, options.firstByteTimeoutMs);
      },
      proxyRes(proxyRes, req, res) {
        const exchange = exchanges.get(req);
        clearTimeout(exchange?.firstByte);
        if (exchange) exchange.isAnswered = true;
        const problem = answerProblem(proxyRes.statusCode ?? 502);
        if (problem) {
          fail(res, problem);
          proxyRes.resume();
          return;
        }
        setHeaders(proxyRes, responsePolicy(fromRawHeaders(proxyRes.rawHeaders)));
        proxyRes.headers['x-accel-buffering'] ??= 'no';
        proxyRes.statusMessage = '';
        // httpxy would keep a connection open that the client has asked to close (RFC 9112 section 9.6).
        proxyRes.headers.connection = res.shouldKeepAlive ? 'keep-alive' : 'close';
        // An event stream may stay without an event for long; Node keeps the head back until the first one. The headers
        // are copied right after this listener, so the head can go in the next tick.
        if (/^text\/event-stream\b/i.test(proxyRes.headers['content-type'] ?? ''))
          process.nextTick(() => res.flushHeaders());
      },
      error(error, req, res) {
        const exchange = exchanges.get(req);
        clearTimeout(exchange?.firstByte);
        if (!('setHeader' in res) || res.destroyed || res.writableEnded) return;
        const code = (error as NodeJS.ErrnoException).code ?? 'error';
        fail(res, exchange?.timedOut ? { reason: 'timed_out' } : { reason: 'unreachable', code });
      },
    },
  });

  return {
    async handle(req, res) {
      if (!methods.has(req.method ?? '')) {
        return sendJson(
          res,
          405,
          { error: 'invalid_request', error_description: 'use POST, GET or DELETE' },
          { allow: 'POST, GET, DELETE, OPTIONS' },
        );
      }
      const credential = await credentials?.forRequest({
        req,
        readMessage: () => readMessage(req, options.maxBodyBytes),
      });
      switch (credential?.kind) {
        case 'answer':
          return credential.send(res);
        case 'unavailable': {
          const { reason: detail, retryAfterSeconds } = credential;
          return fail(res, { reason: 'credential_unavailable', detail, retryAfterSeconds });
        }
        case 'refused':
          return fail(res, { reason: 'credential_refused', detail: credential.reason });
      }
      const body = replacedBody(req);
      exchanges.set(req, { body, isAnswered: false, timedOut: false });
      setHeaders(req, requestPolicy(fromRawHeaders(req.rawHeaders)));
      if (body) {
        delete req.headers['content-encoding'];
        delete req.headers['content-length'];
        if (req.method === 'POST') req.headers['content-length'] = String(body.length);
      }
      Object.assign(req.headers, credential?.headers);
      req.url = upstreamPath(target, req, options.forwardSearch);
      await middleware(req, res);
      clearTimeout(exchanges.get(req)?.firstByte);
    },
    close: () => agent.destroy(),
  };
}
