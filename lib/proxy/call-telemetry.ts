import type { IncomingMessage, ServerResponse } from 'node:http';
import { callContext } from '../shared/caller.ts';
import { headerOperation, readOperations } from '../shared/operation.ts';
import {
  createBoundedNames,
  secondsSince,
  type Telemetry,
  type TelemetryAttributes,
  type TelemetrySpan,
} from '../shared/telemetry.ts';
import { readTracedMessage, type TracedMessage, traceContextOf, withTraceMeta } from './trace-meta.ts';
import { UpstreamFailure, type UpstreamRequest, type UpstreamResponse } from './transport.ts';

/** One request of a client to a proxied route. */
export interface ObservedCall {
  /** Runs what serves it. */
  run<T>(work: () => T): T;
  /** Sends it, or another attempt of it, to the upstream, with the trace context. */
  send(
    request: UpstreamRequest,
    send: (request: UpstreamRequest) => Promise<UpstreamResponse>,
  ): Promise<UpstreamResponse>;
}

/** Spans and metrics of proxied calls (OpenTelemetry semantic conventions for MCP). */
export type ObserveCall = (req: IncomingMessage, res: ServerResponse, body: Buffer | undefined) => ObservedCall;

/** Methods of MCP up to 2026-07-28; others are `_OTHER`, since callers make them up. */
const methods = new Set(
  `completion/complete elicitation/create initialize logging/setLevel notifications/cancelled notifications/elicitation/complete
  notifications/initialized notifications/message notifications/progress notifications/roots/list_changed ping prompts/get
  prompts/list resources/list resources/read resources/subscribe resources/templates/list resources/unsubscribe roots/list
  sampling/createMessage server/discover subscriptions/listen tasks/cancel tasks/get tasks/list tasks/result tasks/update
  tools/call tools/list`.split(/\s+/),
);

const revisions = new Set(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']);

/** Tools and prompts of a route that are told apart. */
const maxNames = 200;

const headerText = (value: string | string[] | undefined) => (typeof value === 'string' ? value : undefined);

/** What of a call is the same in spans and metrics, and what only a span may hold. */
interface CallDescription {
  readonly name: string;
  /** Undefined for what is no request or notification of MCP: a stream that is opened, say. */
  readonly method: string | undefined;
  readonly common: TelemetryAttributes;
  readonly details: TelemetryAttributes;
}

export function createCallTelemetry(telemetry: Telemetry, resourcePath: string, target: URL): ObserveCall {
  const bounded = createBoundedNames(maxNames);
  const server = {
    'server.address': target.hostname,
    'server.port': Number(target.port || (target.protocol === 'https:' ? 443 : 80)),
  };

  /** By the message where its body is known anyway, otherwise by the headers of MCP 2026-07-28. */
  function describe(req: IncomingMessage, message: TracedMessage | undefined): CallDescription {
    const header = headerOperation(req);
    const read = message && readOperations(message);
    const operation = Array.isArray(read) ? read[0] : header === 'header_mismatch' ? undefined : header;
    const method = operation && (methods.has(operation.method) ? operation.method : '_OTHER');
    const named = operation?.name;
    const target = named === undefined ? undefined : bounded(named);
    const kind = method === 'tools/call' ? 'tool' : method === 'prompts/get' ? 'prompt' : undefined;
    const version = headerText(req.headers['mcp-protocol-version']) ?? message?.params?.protocolVersion;
    const id = message?.id;
    const isUri = method?.startsWith('resources/') === true;
    const { flowId, clientId } = callContext(req);
    return {
      name: kind && target ? `${method} ${target}` : (method ?? `mcp_oauth ${req.method}`),
      method,
      common: {
        'mcp.method.name': method,
        'gen_ai.operation.name': kind === 'tool' ? 'execute_tool' : undefined,
        'gen_ai.tool.name': kind === 'tool' ? target : undefined,
        'gen_ai.prompt.name': kind === 'prompt' ? target : undefined,
        'mcp.protocol.version': typeof version === 'string' && revisions.has(version) ? version : undefined,
        'network.protocol.name': 'http',
        'network.transport': 'tcp',
        'mcp_oauth.resource': resourcePath,
      },
      details: {
        'mcp.session.id': headerText(req.headers['mcp-session-id']),
        'jsonrpc.request.id': typeof id === 'string' || typeof id === 'number' ? String(id).slice(0, 100) : undefined,
        'mcp.resource.uri': isUri ? named?.replace(/[?#].*$/s, '').slice(0, 500) : undefined,
        'http.request.method': req.method,
        'mcp_oauth.flow.id': flowId,
        'mcp_oauth.client.id': clientId,
      },
    };
  }

  /** Ends a span once, and measures what is a call of MCP. */
  function finisher(
    span: TelemetrySpan,
    { method, common }: CallDescription,
    metric: 'mcp.client.operation.duration' | 'mcp.server.operation.duration',
    more: TelemetryAttributes,
  ) {
    const startedAt = performance.now();
    let isOver = false;
    return (status: number | undefined, problem?: string) => {
      if (isOver) return;
      isOver = true;
      const errorType = problem ?? (status !== undefined && status >= 400 ? String(status) : undefined);
      span.set({ 'http.response.status_code': status });
      if (errorType !== undefined) span.fail(errorType);
      span.end();
      if (method === undefined) return;
      const attributes = { ...common, ...more, 'http.response.status_code': status, 'error.type': errorType };
      telemetry.record(metric, secondsSince(startedAt), attributes);
    };
  }

  /** The attempt's own context, in headers, and in the message where it was read. */
  function traced(request: UpstreamRequest, span: TelemetrySpan, message: TracedMessage | undefined): UpstreamRequest {
    if (telemetry.propagation === 'none') return request;
    const { context } = span;
    if (context.traceparent === undefined) return request;
    const { tracestate: _, ...headers } = request.headers;
    const head = { ...headers, ...context };
    const isReadable = Buffer.isBuffer(request.body) && request.headers['content-encoding'] === undefined;
    if (telemetry.propagation === 'headers' || !message || !isReadable) return { ...request, headers: head };
    const body = withTraceMeta(request.body as Buffer, message, context);
    return { ...request, headers: { ...head, 'content-length': String(body.length) }, body };
  }

  return (req, res, body) => {
    const message = body && readTracedMessage(body);
    const call = describe(req, message);
    const attributes = { ...call.common, ...call.details };
    const span = telemetry.span(call.name, { kind: 'server', attributes, parent: message && traceContextOf(message) });
    const finish = finisher(span, call, 'mcp.server.operation.duration', {});
    res.once('close', () => finish(res.statusCode, res.writableFinished ? undefined : 'aborted'));

    return {
      run: span.run,
      async send(request, send) {
        const attempt = span.run(() =>
          telemetry.span(call.name, { kind: 'client', attributes: { ...attributes, ...server } }),
        );
        const end = finisher(attempt, call, 'mcp.client.operation.duration', server);
        try {
          const response = await attempt.run(() => send(traced(request, attempt, message)));
          response.body.once('close', () => end(response.status, response.body.readableEnded ? undefined : 'aborted'));
          return response;
        } catch (error) {
          end(undefined, error instanceof UpstreamFailure ? error.problem.reason : '_OTHER');
          throw error;
        }
      },
    };
  };
}
