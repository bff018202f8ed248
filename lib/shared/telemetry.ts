/** What is measured: attributes with few values, durations in seconds. Spans may hold more. */
export type TelemetryAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Trace context as headers, and as members of MCP's `_meta` (W3C Trace Context; SEP-414). */
export type TraceContext = { readonly traceparent?: string; readonly tracestate?: string };

/** One thing that takes time. */
export interface TelemetrySpan {
  set(attributes: TelemetryAttributes): void;
  /** It did not succeed. @param errorType of few values (OpenTelemetry semantic conventions, `error.type`) */
  fail(errorType: string): void;
  end(): void;
  /** Runs work below this span. */
  run<T>(work: () => T): T;
  /** What tells another process to go on below this span. */
  readonly context: TraceContext;
}

export interface SpanStart {
  readonly kind: 'internal' | 'server' | 'client';
  readonly attributes?: TelemetryAttributes;
  /** What the caller sent. Without a valid one the span goes below the current one. */
  readonly parent?: TraceContext | undefined;
}

/** Durations, in seconds. */
export type DurationMetric =
  | 'mcp.client.operation.duration'
  | 'mcp.server.operation.duration'
  | 'mcp_oauth.authenticate.duration'
  | 'mcp_oauth.authorization.duration'
  | 'mcp_oauth.outbound.duration'
  | 'mcp_oauth.request.duration'
  | 'mcp_oauth.store.operation.duration';

/** Counters. */
export type CountMetric = 'mcp_oauth.client.registered' | 'mcp_oauth.event' | 'mcp_oauth.token.issued';

/** Where spans and measurements go. Absent where nobody wants them: then nothing is measured at all. */
export interface Telemetry {
  /** Which parts of the trace context a proxied upstream gets. */
  readonly propagation: 'headers-and-meta' | 'headers' | 'none';
  span(name: string, start: SpanStart): TelemetrySpan;
  /** Whether a span is under way that wants to know more. */
  isRecording(): boolean;
  /** Adds to the span under way, if there is one. */
  note(name: string, event: TelemetryAttributes, span: TelemetryAttributes): void;
  record(metric: DurationMetric, seconds: number, attributes: TelemetryAttributes): void;
  count(metric: CountMetric, attributes: TelemetryAttributes): void;
}

/** Seconds since a `performance.now()`. */
export function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}

/**
 * Bounds what a caller can put into attributes of metrics: so many names are told apart, every later one is not.
 * @returns the name, or undefined where there are too many
 */
export function createBoundedNames(limit: number): (name: string) => string | undefined {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= limit || name.length > 100) return undefined;
    known.add(name);
    return name;
  };
}
