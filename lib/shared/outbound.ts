/**
 * The one HTTP client for everything the library fetches: client metadata documents, client keys, the identity provider,
 * upstream authorization servers. A request goes through five steps, and one deadline covers them all:
 *
 * 1. the URL is read: https, or http to the issuer's own loopback address where the caller allows it;
 * 2. its host is resolved once, and every address found must be one that may be reached;
 * 3. the first of them is connected to, as an address, and the socket must report that address as its peer;
 * 4. TLS is negotiated for the URL's host name;
 * 5. the request is sent, and the answer is read up to a limit.
 *
 * Redirects are never followed, proxies of the environment are not used, nothing is kept between two requests.
 */
import dns from 'node:dns';
import http from 'node:http';
import type net from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';
import { isLoopbackAddress } from './address-policy.ts';
import {
  type ConnectionFailure,
  type ConnectionSettings,
  type Lookup,
  openCheckedConnection,
} from './checked-connection.ts';

/** RFC 1035 section 2.3.4. Also bounds what a host adds to an error message. */
const maxHostnameLength = 255;

/** Statuses that `Response` accepts with a null body only. */
const statusesWithoutBody = new Set([204, 205, 304]);

/** Request headers that say how this connection works. A caller's value would desynchronise or delay it. */
const connectionHeaders = [
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Where names point, what is trusted and what is reachable, for one instance. Nothing here turns the address check off. */
export interface OutboundOptions {
  /** Where names point. @defaultValue `dns.lookup` */
  readonly lookup?: Lookup;
  /** PEM certificates trusted in addition to Node's default roots. */
  readonly ca?: string | readonly string[];
  /** Set when the issuer itself runs on loopback: exactly this loopback address may be reached, no other one. */
  readonly loopbackAddress?: string;
  /** Exact `host:port` entries that may be at a private address (RFC 1918, RFC 6598, RFC 4193). */
  readonly internalHosts?: readonly string[];
  /** @defaultValue `express-mcp-auth` */
  readonly userAgent?: string;
}

export interface OutboundRequest {
  /** @defaultValue `GET` */
  readonly method?: string;
  /** Sent as given, except for those that describe the connection, which are the client's own. */
  readonly headers?: RequestInit['headers'];
  readonly body?: string | Uint8Array | URLSearchParams;
  /** Milliseconds for everything: name, connection, TLS, headers, body. */
  readonly timeoutMs: number;
  /** Bytes; a longer body is cut off with `too_large`. */
  readonly maxResponseBytes: number;
  readonly signal?: AbortSignal;
  /** Allows http, to {@link OutboundOptions.loopbackAddress} only. @defaultValue false */
  readonly allowHttpLoopback?: boolean;
  /** What is fetched, in words that an error message and a log may show, such as `client metadata document`. */
  readonly purpose: string;
}

export interface Outbound {
  /**
   * Fetches one URL. The body of the answer was read already; any status resolves, 3xx too. `Set-Cookie` is dropped.
   * @throws OutboundError when there is no whole answer within the limits
   * @throws TypeError when the caller's method or headers cannot be sent
   */
  fetch(url: string | URL, request: OutboundRequest): Promise<Response>;
}

export type OutboundErrorReason =
  | ConnectionFailure
  | 'aborted'
  | 'encoding_refused'
  | 'invalid_url'
  | 'response_invalid'
  | 'timed_out'
  | 'too_large';

/** A fetch gave no answer. The message names the purpose, the host and the reason, never a path or a query. */
export class OutboundError extends Error {
  readonly reason: OutboundErrorReason;

  constructor(reason: OutboundErrorReason, purpose: string, host: string | undefined, options?: ErrorOptions) {
    super(`${purpose}${host === undefined ? '' : ` from ${host}`}: ${reason}`, options);
    this.name = 'OutboundError';
    this.reason = reason;
  }
}

/** The client of one instance. Does no I/O before the first fetch. */
export function createOutbound(options: OutboundOptions = {}): Outbound {
  const { loopbackAddress, userAgent = 'express-mcp-auth' } = options;
  if (loopbackAddress !== undefined && !isLoopbackAddress(loopbackAddress)) {
    throw new TypeError('createOutbound: loopbackAddress must be a loopback address');
  }
  const settings: ConnectionSettings = {
    lookup: options.lookup ?? dns.lookup,
    loopbackAddress,
    internalHosts: new Set(options.internalHosts),
    secureContext: secureContextWith(options.ca),
  };
  return {
    async fetch(input, request) {
      const url = readUrl(input, request, loopbackAddress !== undefined);
      const headers = requestHeaders(url, request, userAgent);
      return fetchBeforeDeadline(settings, url, headers, request);
    },
  };
}

/** Limits and purpose of every request that goes through a fetch-shaped function. */
export type FetchDefaults = Pick<OutboundRequest, 'timeoutMs' | 'maxResponseBytes' | 'allowHttpLoopback' | 'purpose'>;

/** What libraries hand to fetch. Of all this method, headers, body and signal have an effect. */
export interface FetchInit extends Omit<RequestInit, 'body' | 'dispatcher'> {
  readonly body?: RequestInit['body'] | undefined;
  readonly dispatcher?: unknown;
}

/**
 * The client as a function in the shape of `fetch`, for libraries that accept one (openid-client, jose, oidc-provider).
 * A 3xx answer is returned, whatever `redirect` says, for the caller to refuse.
 */
export function asFetch(
  outbound: Outbound,
  defaults: FetchDefaults,
): (input: string | URL | Request, init?: FetchInit) => Promise<Response> {
  return async (input, init = {}) => {
    const given = typeof input === 'string' || input instanceof URL ? undefined : input;
    const method = init.method ?? given?.method;
    const signal = init.signal ?? given?.signal;
    const headers = readHeaders(init.headers ?? given?.headers);
    const body = init.body ?? given?.body;
    const request = { ...defaults, headers, ...(method && { method }), ...(signal && { signal }) };
    const url = given?.url ?? String(input);
    if (body === undefined || body === null) return outbound.fetch(url, request);

    // Response reads every kind of body that fetch accepts, streams too, and knows the media type of each.
    const encoded = new Response(body);
    const type = encoded.headers.get('content-type');
    if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
    return outbound.fetch(url, { ...request, body: new Uint8Array(await encoded.arrayBuffer()) });
  };
}

/** One request under way. */
interface Attempt {
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly request: OutboundRequest;
  /** Aborts at the deadline, or with the caller's signal. */
  readonly signal: AbortSignal;
  readonly fail: (reason: OutboundErrorReason, cause?: unknown) => OutboundError;
}

/** The URL never enters an error, neither as text nor as a cause: its query may hold a secret. */
function readUrl(input: string | URL, request: OutboundRequest, hasLoopback: boolean): URL {
  const url = URL.parse(String(input));
  const refuse = (reason: OutboundErrorReason) => {
    return new OutboundError(reason, request.purpose, url?.host.slice(0, maxHostnameLength));
  };
  if (url === null) throw refuse('invalid_url');
  const isHttpAllowed = hasLoopback && request.allowHttpLoopback === true;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHttpAllowed)) throw refuse('scheme_refused');
  if (url.username !== '' || url.password !== '') throw refuse('invalid_url');
  if (url.hostname.length > maxHostnameLength) throw refuse('invalid_url');
  return url;
}

/** The caller's headers, with those that describe the connection replaced by the client's own. */
function requestHeaders(url: URL, request: OutboundRequest, userAgent: string): Record<string, string> {
  const headers = readHeaders(request.headers);
  for (const name of connectionHeaders) headers.delete(name);
  if (request.body instanceof URLSearchParams && !headers.has('content-type')) {
    headers.set('content-type', 'application/x-www-form-urlencoded;charset=UTF-8');
  }
  return { ...Object.fromEntries(headers), host: url.host, 'user-agent': userAgent, 'accept-encoding': 'identity' };
}

/** Headers of a caller. The error of `Headers` quotes the value, which may be a credential. */
function readHeaders(given: RequestInit['headers']): Headers {
  try {
    return new Headers(given);
  } catch {
    throw new TypeError('outbound: a request header has a name or a value that cannot be sent');
  }
}

async function fetchBeforeDeadline(
  settings: ConnectionSettings,
  url: URL,
  headers: Record<string, string>,
  request: OutboundRequest,
): Promise<Response> {
  const { signal, clear } = startDeadline(request);
  const fail: Attempt['fail'] = (reason, cause) => new OutboundError(reason, request.purpose, url.host, { cause });
  let socket: net.Socket | undefined;
  try {
    signal.throwIfAborted();
    socket = await openCheckedConnection(settings, { url, signal, fail });
    return await exchange(socket, { url, headers, request, signal, fail });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw fail(isTimeout(signal.reason) ? 'timed_out' : 'aborted', signal.reason);
  } finally {
    socket?.destroy();
    clear();
  }
}

/** One signal for the deadline and the caller's own. */
function startDeadline({ timeoutMs, signal }: OutboundRequest): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const expire = () => controller.abort(new DOMException(`no whole answer within ${timeoutMs} ms`, 'TimeoutError'));
  const timer = setTimeout(expire, timeoutMs);
  const follow = () => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  const clear = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', follow);
  };
  return { signal: controller.signal, clear };
}

/** A caller's own `AbortSignal.timeout()` counts as a deadline too. */
function isTimeout(reason: unknown): boolean {
  return (reason as { name?: unknown } | undefined)?.name === 'TimeoutError';
}

/** One request over this socket. `createConnection` without an agent is a connection that nobody else uses. */
async function exchange(socket: net.Socket, attempt: Attempt): Promise<Response> {
  const { url, headers, request, signal, fail } = attempt;
  signal.throwIfAborted();
  const { method = 'GET', body } = request;
  const path = `${url.pathname}${url.search}`;
  const sent = http.request({ method, path, headers, setHost: false, createConnection: () => socket });
  sent.on('error', ignoreLateError);
  try {
    sent.end(body instanceof URLSearchParams ? body.toString() : body);
    return await readResponse(await firstAnswer(sent, signal), attempt);
  } catch (cause) {
    if (cause instanceof OutboundError) throw cause;
    // The parser attaches the bytes that it refused, and they may be a token response.
    Reflect.deleteProperty(Object(cause), 'rawPacket');
    throw fail('response_invalid', cause);
  }
}

/** Waits for the head of the answer. A peer that changes the protocol ends the request with `close` alone. */
function firstAnswer(sent: http.ClientRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', (message) => resolve(message.on('error', ignoreLateError)));
    sent.once('error', reject);
    sent.once('close', () => reject(new Error('closed without an answer')));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function readResponse(message: http.IncomingMessage, { url, request, signal, fail }: Attempt): Promise<Response> {
  // A coding that was not asked for would unpack to more than the limit, which counts bytes as sent.
  const { 'content-encoding': coding = 'identity', 'transfer-encoding': transfer = 'chunked' } = message.headers;
  if (`${coding} ${transfer}`.toLowerCase() !== 'identity chunked') throw fail('encoding_refused');

  const status = message.statusCode ?? 0;
  const hasBody = request.method !== 'HEAD' && !statusesWithoutBody.has(status);
  const fits = (size: number) => size <= request.maxResponseBytes;
  if (hasBody && !fits(Number(message.headers['content-length'] ?? 0))) throw fail('too_large');

  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of addAbortSignal(signal, message)) {
    received += chunk.length;
    if (!fits(received)) throw fail('too_large');
    chunks.push(chunk);
  }
  const response = new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers: responseHeaders(message) });
  Object.defineProperty(response, 'url', { value: url.href });
  return response;
}

function responseHeaders(message: http.IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    for (const value of values) headers.append(name, value);
  }
  headers.delete('set-cookie');
  return headers;
}

/** Made at the first https request: reading all roots takes some milliseconds. Without `ca` Node's own store serves. */
function secureContextWith(ca: OutboundOptions['ca']): () => tls.SecureContext {
  let context: tls.SecureContext | undefined;
  return () => {
    context ??= tls.createSecureContext(
      ca === undefined ? {} : { ca: [...tls.getCACertificates('default'), ca].flat() },
    );
    return context;
  };
}

/** An error after the outcome was settled has nobody to tell; unheard, it would end the process. */
function ignoreLateError(): void {}
