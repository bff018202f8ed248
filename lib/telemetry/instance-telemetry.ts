import type { Routes } from '../handler.ts';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { McpOAuthEvent } from '../shared/events.ts';
import { observeOutbound } from '../shared/observed-outbound.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { Telemetry } from '../shared/telemetry.ts';
import type { Storage } from '../storage/storage.ts';
import { createEventTelemetry } from './event-telemetry.ts';
import { observeStorage } from './observed-storage.ts';
import { createTelemetry } from './open-telemetry.ts';
import type { ResolvedTelemetry } from './resolve-telemetry-options.ts';
import { observeRoutes } from './route-telemetry.ts';

/** What of one instance is measured. Without telemetry everything stays the very thing that it was. */
export interface InstanceTelemetry {
  readonly sink: Telemetry | undefined;
  readonly event: ((event: McpOAuthEvent) => void) | undefined;
  storage(storage: Storage): Storage;
  outbound(outbound: Outbound): Outbound;
  routes(routes: Routes, paths: EndpointPaths): Routes;
}

export function createInstanceTelemetry(settings: ResolvedTelemetry | undefined): InstanceTelemetry {
  const sink = settings && createTelemetry(settings);
  return {
    sink,
    event: sink && createEventTelemetry(sink),
    storage: (storage) => (sink ? observeStorage(storage, sink) : storage),
    outbound: (outbound) => (sink ? observeOutbound(outbound, sink) : outbound),
    routes: (routes, paths) => (sink ? observeRoutes(routes, paths, sink) : routes),
  };
}
