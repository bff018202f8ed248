/** OpenTelemetry spans and metrics (docs/telemetry.md). The SDK, exporters and sampling are the application's. */
export interface TelemetryOptions {
  /**
   * The module `@opentelemetry/api`, for programs in which it cannot be found by its name, as in a bundle.
   * @defaultValue the installed package, loaded at start
   */
  readonly api?: OpenTelemetryApi;
  /**
   * What of the trace context an upstream MCP server gets: headers `traceparent` and `tracestate`, and the same in
   * `params._meta` of the message (SEP-414) where its body is known anyway; the headers only; or what the client sent.
   * @defaultValue 'headers-and-meta'
   */
  readonly propagation?: 'headers-and-meta' | 'headers' | 'none';
}

/** What is used of `@opentelemetry/api`, from 1.4 on. */
export interface OpenTelemetryApi {
  readonly trace: {
    getTracer(name: string, version?: string): OpenTelemetryTracer;
    setSpan(context: never, span: never): unknown;
    getActiveSpan(): OpenTelemetrySpan | undefined;
  };
  readonly context: { active(): unknown; with(context: never, work: () => unknown): unknown };
  readonly propagation: {
    inject(context: never, carrier: object): void;
    extract(context: never, carrier: object): unknown;
  };
  readonly metrics: { getMeter(name: string, version?: string): OpenTelemetryMeter };
}

/** `Tracer` of `@opentelemetry/api`. */
export interface OpenTelemetryTracer {
  startSpan(name: string, options?: object, context?: never): OpenTelemetrySpan;
}

/** `Span` of `@opentelemetry/api`. */
export interface OpenTelemetrySpan {
  setAttributes(attributes: Record<string, string | number | boolean>): unknown;
  setStatus(status: { code: 2 }): unknown;
  addEvent(name: string, attributes?: Record<string, string | number | boolean>): unknown;
  isRecording(): boolean;
  end(): void;
}

/** `Meter` of `@opentelemetry/api`. */
export interface OpenTelemetryMeter {
  createHistogram(
    name: string,
    options?: object,
  ): { record(value: number, attributes?: Record<string, string | number | boolean>): void };
  createCounter(
    name: string,
    options?: object,
  ): { add(value: number, attributes?: Record<string, string | number | boolean>): void };
}
