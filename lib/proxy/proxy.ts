import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ResolvedProxy } from '../resolve-route-options.ts';
import { callContext } from '../shared/caller.ts';
import type { EventSink } from '../shared/events.ts';
import { tellFlow } from '../shared/flow-id.ts';
import { fromRawHeaders } from '../shared/header-list.ts';
import { sendJson } from '../shared/http.ts';
import type { Telemetry } from '../shared/telemetry.ts';
import type { UpstreamCredentials, UpstreamRefusal } from '../shared/upstream-credentials.ts';
import { deliver } from './answer.ts';
import { discard } from './bounded-body.ts';
import { createCallGate, type Verdict } from './call-gate.ts';
import { createCallTelemetry, type ObservedCall } from './call-telemetry.ts';
import { createDraining } from './draining.ts';
import { type BodyNeed, type ForwardBody, readForwardBody } from './forward-body.ts';
import { requestPolicy } from './header-policy.ts';
import { credentialRefusal } from './refusal.ts';
import { type SessionBinding, sessionHeader } from './session-binding.ts';
import { UpstreamFailure, type UpstreamRequest, type UpstreamResponse } from './transport.ts';
import { describeUpstreamProblem, type UpstreamProblem, upstreamAnswer } from './upstream-error.ts';
import { createUpstreamPath } from './upstream-path.ts';
import { createUpstreamTransport } from './upstream-transport.ts';

const methods = new Set(['POST', 'GET', 'DELETE']);

export interface ProxyDependencies {
  readonly events: EventSink;
  /** Absent where the upstream needs no credential. */
  readonly credentials?: UpstreamCredentials | undefined;
  /** Absent where there are no callers to tell apart. */
  readonly sessions?: SessionBinding;
  /** Signs who calls, for an audience. */
  readonly signIdentity: (req: IncomingMessage, audience: string) => Promise<string>;
  /** Absent where nobody wants it. */
  readonly telemetry?: Telemetry | undefined;
  /** Path of the route. */
  readonly resourcePath?: string;
}

export interface Proxy {
  readonly handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  /** Refuses new requests, ends event streams, waits for the other answers, and closes the connections to the upstream. */
  readonly close: (graceMs: number) => Promise<void>;
}

/** Answers for the upstream as JSON-RPC, so that an MCP client can show it. */
function sendUpstreamError(res: ServerResponse, problem: UpstreamProblem): void {
  if (res.headersSent) {
    res.destroy(); // A stream that broke must not look complete.
    return;
  }
  const { status, code, message, retryAfterSeconds } = upstreamAnswer(problem);
  const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
  sendJson(res, status, { jsonrpc: '2.0', id: null, error: { code, message } }, headers);
}

/** Allowed headers of the caller, with those that the body needs. */
function requestHeaders(req: IncomingMessage, body: ForwardBody): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of requestPolicy(fromRawHeaders(req.rawHeaders))) {
    const lower = name.toLowerCase();
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`;
  }
  if (body.kind !== 'bytes') return headers;
  delete headers['content-length'];
  if (req.method !== 'POST' || body.isDecoded) delete headers['content-encoding'];
  if (req.method === 'POST') headers['content-length'] = String(body.bytes.length);
  return headers;
}

/** The JSON-RPC body, for those who decide by it. */
function messageOf(body: ForwardBody): unknown {
  if (body.kind !== 'bytes' || body.bytes.length === 0) return undefined;
  try {
    return JSON.parse(body.bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Streams requests to one upstream MCP server (MCP 2026-07-28, Streamable HTTP): fixed target, header allow-lists both ways. */
export function createProxy(
  options: ResolvedProxy,
  { events, credentials, sessions, signIdentity, telemetry, resourcePath = '' }: ProxyDependencies,
): Proxy {
  const target = new URL(options.target);
  const observe = telemetry && createCallTelemetry(telemetry, resourcePath, target);
  const pathFor = createUpstreamPath(target, options.forwardSearch);
  const transport = createUpstreamTransport(target);
  const draining = createDraining();
  const gate = createCallGate({ ...options, events, ownTools: credentials?.ownTools });
  const need: BodyNeed = gate ? 'decision' : credentials ? 'retry' : 'none';

  function fail(res: ServerResponse, problem: UpstreamProblem): void {
    if (res.destroyed || res.writableEnded) return; // The client has gone: nobody is left to be told.
    const { status } = upstreamAnswer(problem);
    const about = callContext(res.req);
    if (about.flowId !== undefined) tellFlow(res, about.flowId);
    events.emit({ type: 'proxy.failed', ...about, reason: describeUpstreamProblem(problem), status });
    sendUpstreamError(res, problem);
  }

  /** What is sent besides the credential. A promise only where something has to be signed or checked. */
  function describeRequest(
    req: IncomingMessage,
    body: ForwardBody,
  ): UpstreamRequest | Promise<UpstreamRequest | undefined> {
    const headers = requestHeaders(req, body);
    if (gate) headers['accept-encoding'] = 'identity';
    const request = {
      method: req.method ?? 'GET',
      path: pathFor(req.url ?? ''),
      headers,
      body: body.kind === 'bytes' ? body.bytes : req,
      firstByteTimeoutMs: req.method === 'POST' ? options.firstByteTimeoutMs : 0,
    };
    const isPlain = !options.identity && (!sessions || headers[sessionHeader] === undefined);
    return isPlain ? request : forCaller(req, request);
  }

  /**
   * With what tells the upstream who calls, and its own session id in the place of the one that this caller was given.
   * @returns undefined for another's session
   */
  async function forCaller(req: IncomingMessage, request: UpstreamRequest): Promise<UpstreamRequest | undefined> {
    const headers = { ...request.headers };
    if (options.identity) headers[options.identity.header.toLowerCase()] = await signIdentity(req, target.origin);
    const presented = headers[sessionHeader];
    if (!sessions || presented === undefined) return { ...request, headers };
    const id = await sessions.read(req, presented);
    return id === undefined ? undefined : { ...request, headers: { ...headers, [sessionHeader]: id } };
  }

  /** Sends the upstream's answer on, or says why not. */
  async function answer(res: ServerResponse, response: UpstreamResponse, verdict: Verdict, answerTimeoutMs: number) {
    const { status } = response;
    if (status >= 300 && status < 400 && status !== 304) {
      discard(response.body);
      return fail(res, { reason: 'redirected', status });
    }
    const bound = sessions?.bind(res.req, response.headers) ?? response.headers;
    const headers = bound instanceof Promise ? await bound : bound;
    const delivery = deliver(
      response,
      { status, headers },
      res,
      {
        filter: verdict.kind === 'pass' ? verdict.filter : undefined,
        maxAnswerBytes: options.maxAnswerBytes,
        answerTimeoutMs,
        heartbeatSeconds: options.heartbeatSeconds,
        onStream: res.req.method === 'GET' ? (end) => draining.hold(res, end) : undefined,
      },
      (broken) => fail(res, broken),
    );
    const problem = delivery instanceof Promise ? await delivery : delivery;
    if (problem) fail(res, problem);
  }

  /**
   * Sends the request with its credential, and once more where the upstream refused that one and another could be had. The
   * body is then sent again, so it must be known; where it is not, the client's own retry finds the new credential.
   */
  async function forward(
    req: IncomingMessage,
    res: ServerResponse,
    body: ForwardBody,
    verdict: Verdict,
    call: ObservedCall | undefined,
  ): Promise<void> {
    const described = describeRequest(req, body);
    const request = described instanceof Promise ? await described : described;
    const send = (outgoing: UpstreamRequest) => transport.send(outgoing, res);
    let refusal: UpstreamRefusal | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const credential =
        credentials &&
        (await credentials.forRequest({ req, readMessage: async () => messageOf(body), ...(refusal && { refusal }) }));
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
      if (verdict.kind === 'pass' && verdict.instead)
        return sendJson(res, verdict.instead.status, verdict.instead.body);
      if (attempt > 2 || (refusal && body.kind !== 'bytes')) return fail(res, { reason: 'unauthorized' });
      if (!request) return fail(res, { reason: 'foreign_session' });
      if (res.destroyed) return;
      const headers = { ...credential?.headers };
      const sentAt = performance.now();
      const outgoing = credential ? { ...request, headers: { ...request.headers, ...headers } } : request;
      const response = await (call ? call.send(outgoing, send) : send(outgoing));
      const refused = credentialRefusal(response);
      if (!refused) {
        const { firstByteTimeoutMs: limitMs } = request;
        return answer(res, response, verdict, limitMs && Math.max(1, limitMs - (performance.now() - sentAt)));
      }
      discard(response.body);
      if (!credentials) return fail(res, { reason: 'unauthorized' });
      refusal = { ...refused, headers, attempt: attempt === 1 ? 1 : 2 };
    }
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (draining.isClosing()) {
      const error = { code: -32603, message: 'the server is shutting down' };
      return sendJson(res, 503, { jsonrpc: '2.0', id: null, error }, { 'retry-after': '1', connection: 'close' });
    }
    draining.enter(res);
    if (!methods.has(req.method ?? '')) {
      const body = { error: 'invalid_request', error_description: 'use POST, GET or DELETE' };
      return sendJson(res, 405, body, { allow: 'POST, GET, DELETE, OPTIONS' });
    }
    const body = await readForwardBody(req, need, options.maxBodyBytes);
    if (body.kind === 'broken') return;
    if (body.kind === 'refused') {
      const { status, code, message } = body.refusal;
      return sendJson(res, status, { jsonrpc: '2.0', id: null, error: { code, message } });
    }
    const bytes = req.method === 'POST' && body.kind === 'bytes' ? body.bytes : undefined;
    const call = observe?.(req, res, bytes);
    await (call ? call.run(() => serve(req, res, body, bytes, call)) : serve(req, res, body, bytes));
  }

  async function serve(
    req: IncomingMessage,
    res: ServerResponse,
    body: ForwardBody,
    bytes: Buffer | undefined,
    call?: ObservedCall,
  ): Promise<void> {
    const verdict: Verdict = gate ? await gate.decide(req, bytes) : { kind: 'pass' };
    if (verdict.kind === 'refused') return sendJson(res, verdict.status, verdict.body);
    try {
      await forward(req, res, body, verdict, call);
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      fail(res, error.problem);
    }
  }

  return {
    handle,
    async close(graceMs) {
      await draining.close(graceMs);
      transport.close();
    },
  };
}
