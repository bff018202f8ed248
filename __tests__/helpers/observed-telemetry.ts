/** The real OpenTelemetry SDK with exporters in memory, as an application would set it up before anything else. */
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

export type FinishedSpan = ReturnType<InMemorySpanExporter['getFinishedSpans']>[number];

export interface MetricPoint {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** How often it was measured or counted. */
  readonly count: number;
}

export interface ObservedTelemetry {
  /** Spans that have ended, in the order of their ends. */
  spans(name?: string | RegExp): FinishedSpan[];
  /** The one span of a name, or the last one. Waits for it: a span may end a moment after its answer. */
  span(name: string | RegExp): Promise<FinishedSpan>;
  /** All points of a metric so far. */
  metric(name: string): Promise<MetricPoint[]>;
  /** Names of all metrics so far. */
  metricNames(): Promise<string[]>;
  reset(): void;
  close(): Promise<void>;
}

const wait = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Sets the global providers of this test file. */
export function startTelemetry(): ObservedTelemetry {
  const spanExporter = new InMemorySpanExporter();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spanExporter })] });
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  api.trace.setGlobalTracerProvider(tracers);
  api.metrics.setGlobalMeterProvider(meters);

  const spans: ObservedTelemetry['spans'] = (name) =>
    spanExporter
      .getFinishedSpans()
      .filter((span) => name === undefined || (typeof name === 'string' ? span.name === name : name.test(span.name)));

  async function collect() {
    metricExporter.reset();
    await reader.forceFlush();
    return metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  }

  return {
    spans,
    async span(name) {
      for (let tries = 0; tries < 2000; tries += 1) {
        const found = spans(name).at(-1);
        if (found) return found;
        await wait();
      }
      throw new Error(`no span ${name} among ${spans().map((span) => span.name)}`);
    },
    async metric(name) {
      const found = (await collect()).find(({ descriptor }) => descriptor.name === name);
      return (found?.dataPoints ?? []).map((point) => {
        const { attributes, value } = point as DataPoint<number | Histogram>;
        return { attributes, count: typeof value === 'number' ? value : value.count };
      });
    },
    metricNames: async () => (await collect()).map(({ descriptor }) => descriptor.name),
    reset: () => spanExporter.reset(),
    async close() {
      await tracers.shutdown();
      await meters.shutdown();
      for (const part of [api.trace, api.metrics, api.context, api.propagation]) part.disable();
    },
  };
}
