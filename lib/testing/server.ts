/** The listeners of a fake identity provider, and the layer that breaks its answers on request. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { TestCertificate } from './certificate.ts';
import {
  type Answer,
  type EndpointFault,
  editJson,
  faultAnswers,
  type JsonRewrite,
  type Misbehaviour,
  padded,
} from './misbehaviour.ts';
import { pageAnswer, type RecordedRequest } from './request.ts';

/** One URL of the provider. */
export interface ProviderEndpoint {
  readonly answer: (request: RecordedRequest) => Answer | Promise<Answer>;
  /** The knob that breaks it. */
  readonly knob?: 'discovery' | 'jwks' | 'token' | 'userinfo';
}

export interface ServerSettings {
  /** By origin and path. */
  readonly endpoints: ReadonlyMap<string, ProviderEndpoint>;
  readonly misbehave: Misbehaviour;
  readonly requests: RecordedRequest[];
  /** Origin of a request: that of the loopback listener, or of the host it names. */
  readonly originOf: (request: IncomingMessage) => string;
}

const redirected = '/redirected';

export function createRequestListener(settings: ServerSettings): http.RequestListener {
  return (request, response) => {
    respond(settings, request, response).catch(() => response.destroy());
  };
}

async function respond(settings: ServerSettings, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const request = await read(incoming, settings.originOf(incoming));
  settings.requests.push(request);
  const isRedirected = request.path.startsWith(`${redirected}/`);
  const origin = request.url.slice(0, request.url.length - request.path.length);
  const path = isRedirected ? request.path.slice(redirected.length) : request.path;
  const endpoint = settings.endpoints.get(origin + path);
  if (endpoint === undefined) return write(response, pageAnswer(404, '<h1>Not found</h1>'));
  const fault = isRedirected || endpoint.knob === undefined ? undefined : settings.misbehave[endpoint.knob];
  if (fault === 'hang') return;
  if (fault === 'refuse') return void incoming.socket.resetAndDestroy();
  if (fault === 'http500' || fault === 'html') return write(response, faultAnswers[fault]);
  if (fault === 'redirect')
    return write(response, { status: 307, headers: { location: redirected + path + request.search }, body: '' });
  return breakAnswer(response, await endpoint.answer(request), fault);
}

/** Faults that need the good answer. */
async function breakAnswer(
  response: ServerResponse,
  good: Answer,
  fault: EndpointFault | JsonRewrite | undefined,
): Promise<void> {
  if (fault === 'stall') {
    response.writeHead(good.status, { ...good.headers, 'content-length': Buffer.byteLength(good.body) });
    response.write(good.body.slice(0, good.body.length / 2));
    return;
  }
  if (fault === 'huge') return write(response, editJson(good, padded));
  if (typeof fault === 'function') return write(response, editJson(good, fault));
  if (typeof fault === 'object') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  return write(response, good);
}

async function read(incoming: IncomingMessage, origin: string): Promise<RecordedRequest> {
  const body = Buffer.concat(await incoming.toArray()).toString();
  return recordedRequest(incoming.method ?? 'GET', `${origin}${incoming.url ?? '/'}`, incoming.headers, body);
}

/** @param target URL with its query */
export function recordedRequest(
  method: string,
  target: string,
  headers: RecordedRequest['headers'] = {},
  body = '',
): RecordedRequest {
  const { origin, pathname, search, searchParams } = new URL(target);
  return {
    method,
    url: origin + pathname,
    path: pathname,
    query: searchParams,
    search,
    headers,
    body,
    form: new URLSearchParams(body),
  };
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export interface Listeners {
  readonly httpPort: number;
  /** Only with a certificate. */
  readonly httpsPort: number | undefined;
  /** Also ends the answers that hang on purpose. */
  close(): Promise<void>;
}

/** Free ports on 127.0.0.1. */
export async function listen(
  listener: http.RequestListener,
  certificate: TestCertificate | undefined,
): Promise<Listeners> {
  const plain = http.createServer(listener);
  const secure = certificate && https.createServer({ ...certificate }, listener);
  return {
    httpPort: await openPort(plain),
    httpsPort: secure && (await openPort(secure)),
    async close() {
      await Promise.all([closed(plain), ...(secure ? [closed(secure)] : [])]);
    },
  };
}

async function openPort(server: NetServer): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function closed(server: http.Server | https.Server): Promise<void> {
  const done = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await done;
}
