import type { EventSink } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import type { Endpoint, Exchange } from '../shared/http.ts';
import { sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { Resources } from '../shared/resources.ts';
import { authorizationError } from './error-page.ts';
import { handOver } from './provider-request.ts';
import type { ProviderSource } from './provider-source.ts';
import type { RateLimits } from './rate-limits.ts';
import { prepareAuthorizationRequest } from './request-parameters.ts';

const maxQueryLength = 16 * 1024;

export interface BrowserEndpointOptions {
  readonly provider: ProviderSource;
  readonly resources: Resources;
  readonly events: EventSink;
  readonly rateLimits: RateLimits;
  /** Whether the operator has blocked a client. */
  readonly isBlocked: (issuer: Issuer, clientId: string) => Promise<boolean>;
  readonly pages: Pages;
}

/** The authorization endpoint and its continuation after an interaction: for browsers, no CORS, errors are pages. */
export function createBrowserEndpoints({
  provider,
  resources,
  events,
  pages,
  rateLimits,
  isBlocked,
}: BrowserEndpointOptions): {
  authorization: Endpoint;
  resume: Endpoint;
} {
  function browser(
    prepare: (parameters: URLSearchParams, exchange: Exchange) => void,
    waitOf?: (parameters: URLSearchParams, exchange: Exchange) => Promise<number | undefined>,
  ): Endpoint {
    return async (exchange) => {
      const { req, res, url, path } = exchange;
      const refused = (reason: string) => events.emit({ type: 'authorization.refused', reason });
      if (req.method !== 'GET') {
        refused(`method ${req.method}`);
        return sendJson(res, 405, { error: 'invalid_request', error_description: 'use GET' }, { allow: 'GET' });
      }
      if (url.search.length > maxQueryLength) {
        refused('query is too long');
        return sendJson(res, 414, { error: 'invalid_request', error_description: 'the query is too long' });
      }
      const parameters = new URLSearchParams(url.search);
      if (parameters.toString().includes('%00')) {
        const flowId = newFlowId(); // No parameter may hold it (RFC 6749 appendix A), and some stores cannot.
        events.emit({ type: 'authorization.refused', flowId, reason: 'NUL in a parameter' });
        const problem = authorizationError('invalid_request', 'a parameter holds a forbidden character');
        return pages.send(exchange, 'error', { ...problem, flowId }, { status: 400 });
      }
      const wait = await waitOf?.(parameters, exchange);
      if (wait !== undefined) {
        const flowId = newFlowId();
        events.emit({ type: 'authorization.refused', flowId, reason: 'too many authorization requests' });
        res.setHeader('retry-after', String(wait));
        return pages.send(
          exchange,
          'error',
          { kind: 'unavailable', code: 'temporarily_unavailable', flowId },
          { status: 429 },
        );
      }
      const clientId = parameters.get('client_id');
      if (clientId !== null && (await isBlocked(exchange.issuer, clientId))) {
        const flowId = newFlowId();
        events.emit({
          type: 'authorization.refused',
          flowId,
          clientId: clientId.slice(0, 2048),
          reason: 'client is blocked',
        });
        const problem = authorizationError('unauthorized_client', 'the operator has blocked this application');
        return pages.send(exchange, 'error', { ...problem, flowId }, { status: 403 });
      }
      prepare(parameters, exchange);
      const { callback } = await provider(exchange.issuer);
      const query = parameters.toString();
      handOver(exchange, { target: query ? `${path}?${query}` : path, accept: 'text/html' });
      res.setHeader('referrer-policy', 'no-referrer');
      await callback(req, res);
    };
  }

  return {
    authorization: browser(
      (parameters, { issuer }) => {
        // A pushed request was prepared when it was pushed (RFC 9126 section 4).
        if (!parameters.has('request_uri')) prepareAuthorizationRequest(parameters, issuer, resources);
      },
      (parameters, exchange) => rateLimits.authorization(exchange, parameters.get('client_id')),
    ),
    resume: browser(() => undefined),
  };
}
