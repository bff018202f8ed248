import type { OwnedPath, Routes } from '../handler.ts';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { Exchange } from '../shared/http.ts';
import { secondsSince, type Telemetry, type TelemetrySpan } from '../shared/telemetry.ts';

const methods = new Set(['GET', 'POST', 'HEAD', 'OPTIONS', 'DELETE', 'PUT', 'PATCH']);

/** What an endpoint is called: the member of {@link EndpointPaths} at or above its path. */
function createNames(paths: EndpointPaths): (path: string) => string {
  const entries = Object.entries(paths).sort(([, one], [, other]) => other.length - one.length);
  return (path) => {
    const found = entries.find(([, candidate]) => path === candidate || path.startsWith(`${candidate}/`));
    return found?.[0] ?? 'metadata';
  };
}

/** A span and a duration for each request to an endpoint of this library. */
export function observeRoutes(routes: Routes, paths: EndpointPaths, telemetry: Telemetry): Routes {
  const nameOf = createNames(paths);

  function finish(span: TelemetrySpan, { req, res }: Exchange, endpoint: string, startedAt: number, error?: unknown) {
    const status = error === undefined ? res.statusCode : 500;
    const errorType = status >= 500 ? String(status) : undefined;
    span.set({ 'http.response.status_code': status });
    if (errorType !== undefined) span.fail(errorType);
    span.end();
    telemetry.record('mcp_oauth.request.duration', secondsSince(startedAt), {
      'mcp_oauth.endpoint': endpoint,
      'http.request.method': methods.has(req.method ?? '') ? req.method : '_OTHER',
      'http.response.status_code': status,
      'error.type': errorType,
    });
  }

  function observe(owned: OwnedPath, path: string): OwnedPath {
    const endpoint = nameOf(path);
    return {
      ...owned,
      serve(exchange) {
        const startedAt = performance.now();
        const method = methods.has(exchange.req.method ?? '') ? exchange.req.method : '_OTHER';
        const span = telemetry.span(`mcp_oauth ${endpoint}`, {
          kind: 'internal',
          attributes: { 'mcp_oauth.endpoint': endpoint, 'http.request.method': method },
        });
        const end = (error?: unknown) => finish(span, exchange, endpoint, startedAt, error);
        try {
          const served = span.run(() => owned.serve(exchange));
          if (!(served instanceof Promise)) return end();
          return served.then(
            () => end(),
            (error: unknown) => {
              end(error);
              throw error;
            },
          );
        } catch (error) {
          end(error);
          throw error;
        }
      },
    };
  }

  return (path, issuer) => {
    const owned = routes(path, issuer);
    return owned && observe(owned, path.afterPrefix);
  };
}
