import { type Outbound, OutboundError } from './outbound.ts';
import { secondsSince, type Telemetry } from './telemetry.ts';

/**
 * The same client, with a span and a duration for each request. No trace context leaves with it: metadata documents and
 * authorization servers are other people's. A span names the URL without its query.
 */
export function observeOutbound(outbound: Outbound, telemetry: Telemetry): Outbound {
  return {
    async fetch(input, request) {
      const url = URL.parse(String(input));
      const { method = 'GET', purpose } = request;
      const span = telemetry.span(method, {
        kind: 'client',
        attributes: {
          'http.request.method': method,
          'url.full': url ? `${url.origin}${url.pathname}` : undefined,
          'server.address': url?.hostname,
          'server.port': url ? Number(url.port || (url.protocol === 'https:' ? 443 : 80)) : undefined,
          'mcp_oauth.purpose': purpose,
        },
      });
      const startedAt = performance.now();
      let status: number | undefined;
      let errorType: string | undefined;
      try {
        const response = await span.run(() => outbound.fetch(input, request));
        status = response.status;
        if (status >= 400) errorType = String(status);
        return response;
      } catch (error) {
        errorType = error instanceof OutboundError ? error.reason : '_OTHER';
        throw error;
      } finally {
        span.set({ 'http.response.status_code': status });
        if (errorType !== undefined) span.fail(errorType);
        span.end();
        telemetry.record('mcp_oauth.outbound.duration', secondsSince(startedAt), {
          'mcp_oauth.purpose': purpose,
          'http.response.status_code': status,
          'error.type': errorType,
        });
      }
    },
  };
}
