/** OpenTelemetry as an application sets it up: before anything else, and once for the process. */
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** Metrics for Prometheus: served by the application itself, so no port of its own is opened. */
export const prometheus = new PrometheusExporter({ preventServerStart: true });

/** Stands for your exporter, such as OTLP. */
export const spans = new InMemorySpanExporter();

api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
api.propagation.setGlobalPropagator(new W3CTraceContextPropagator());
api.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [prometheus] }));
api.trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
);
