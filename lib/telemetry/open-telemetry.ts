import type {
  CountMetric,
  DurationMetric,
  SpanStart,
  Telemetry,
  TelemetryAttributes,
  TelemetrySpan,
  TraceContext,
} from '../shared/telemetry.ts';
import type { ResolvedTelemetry } from './resolve-telemetry-options.ts';

const scope = 'express-mcp-auth';

/** `SpanKind` and the error code of `SpanStatusCode` of the API. */
const kinds = { internal: 0, server: 1, client: 2 } as const;
const failed = { code: 2 } as const;

/** Bounds of buckets as the semantic conventions have them: of MCP, of HTTP, and finer ones for a store nearby. */
const mcpSeconds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const httpSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const storeSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

const durations: { readonly [Name in DurationMetric]: readonly [description: string, bounds: readonly number[]] } = {
  'mcp.client.operation.duration': ['MCP requests and notifications, as the upstream answers them', mcpSeconds],
  'mcp.server.operation.duration': ['MCP requests and notifications, as the client sees them', mcpSeconds],
  'mcp_oauth.authenticate.duration': ['Checks of access tokens', storeSeconds],
  'mcp_oauth.authorization.duration': ['From the authorization request to its tokens', mcpSeconds],
  'mcp_oauth.outbound.duration': ['Requests to identity providers, clients and upstreams', httpSeconds],
  'mcp_oauth.request.duration': ['Requests to the endpoints of the authorization server', httpSeconds],
  'mcp_oauth.store.operation.duration': ['Calls of the store', storeSeconds],
};

const counts: { readonly [Name in CountMetric]: string } = {
  'mcp_oauth.client.registered': 'Clients that registered themselves',
  'mcp_oauth.event': 'Events, by type, outcome and reason',
  'mcp_oauth.token.issued': 'Access tokens issued',
};

/** Without members that are undefined, which the API does not know. */
function present(attributes: TelemetryAttributes): Record<string, string | number | boolean> {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) kept[name] = value;
  return kept;
}

/** Spans and metrics by the API of OpenTelemetry: where the application has no SDK these calls do nothing. */
export function createTelemetry({ api, propagation }: ResolvedTelemetry): Telemetry {
  const tracer = api.trace.getTracer(scope);
  const meter = api.metrics.getMeter(scope);
  const histograms = Object.fromEntries(
    Object.entries(durations).map(([name, [description, bounds]]) => {
      const advice = { explicitBucketBoundaries: bounds };
      return [name, meter.createHistogram(name, { description, unit: 's', advice })];
    }),
  );
  const counters = Object.fromEntries(
    Object.entries(counts).map(([name, description]) => [name, meter.createCounter(name, { description })]),
  );

  function contextOf(context: never): TraceContext {
    const carrier: { traceparent?: unknown; tracestate?: unknown } = {};
    api.propagation.inject(context, carrier); // Baggage and other formats of the application's propagator stay here.
    const { traceparent, tracestate } = carrier;
    return {
      ...(typeof traceparent === 'string' && { traceparent }),
      ...(typeof tracestate === 'string' && { tracestate }),
    };
  }

  return {
    propagation,

    span(name: string, { kind, attributes = {}, parent }: SpanStart): TelemetrySpan {
      const ambient = api.context.active() as never;
      const above = (parent ? api.propagation.extract(ambient, parent) : ambient) as never;
      const span = tracer.startSpan(name, { kind: kinds[kind], attributes: present(attributes) }, above);
      const context = api.trace.setSpan(above, span as never) as never;
      return {
        set: (more) => void span.setAttributes(present(more)),
        fail(errorType) {
          span.setAttributes({ 'error.type': errorType });
          span.setStatus(failed);
        },
        end: () => span.end(),
        run: <T>(work: () => T) => api.context.with(context, work) as T,
        get context() {
          return contextOf(context);
        },
      };
    },

    isRecording: () => api.trace.getActiveSpan()?.isRecording() === true,

    note(name, event, attributes) {
      const span = api.trace.getActiveSpan();
      if (!span?.isRecording()) return;
      span.addEvent(name, present(event));
      span.setAttributes(present(attributes));
    },

    record: (metric, seconds, attributes) => histograms[metric]?.record(seconds, present(attributes)),

    count: (metric, attributes) => counters[metric]?.add(1, present(attributes)),
  };
}
