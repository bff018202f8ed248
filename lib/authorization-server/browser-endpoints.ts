import type { Endpoint } from '../shared/http.ts';
import { sendJson } from '../shared/http.ts';
import type { Resources } from '../shared/resources.ts';
import { handOver } from './provider-request.ts';
import type { ProviderSource } from './provider-source.ts';
import { prepareAuthorizationRequest } from './request-parameters.ts';

const maxQueryLength = 16 * 1024;

/** The authorization endpoint and its continuation after an interaction: for browsers, no CORS, errors are pages. */
export function createBrowserEndpoints({ provider, resources }: { provider: ProviderSource; resources: Resources }): {
  authorization: Endpoint;
  resume: Endpoint;
} {
  function browser(prepare: (parameters: URLSearchParams, exchange: Parameters<Endpoint>[0]) => void): Endpoint {
    return async (exchange) => {
      const { req, res, url, path } = exchange;
      if (req.method !== 'GET') {
        return sendJson(res, 405, { error: 'invalid_request', error_description: 'use GET' }, { allow: 'GET' });
      }
      if (url.search.length > maxQueryLength) {
        return sendJson(res, 414, { error: 'invalid_request', error_description: 'the query is too long' });
      }
      const parameters = new URLSearchParams(url.search);
      prepare(parameters, exchange);
      const { callback } = await provider(exchange.issuer);
      const query = parameters.toString();
      handOver(exchange, { target: query ? `${path}?${query}` : path, accept: 'text/html' });
      res.setHeader('referrer-policy', 'no-referrer');
      await callback(req, res);
    };
  }

  return {
    authorization: browser((parameters, { issuer }) => prepareAuthorizationRequest(parameters, issuer, resources)),
    resume: browser(() => undefined),
  };
}
