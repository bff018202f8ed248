import type { IncomingMessage } from 'node:http';
import { ConfigurationError } from '../errors.ts';
import { kindOf } from '../shared/option-reader.ts';
import type { UpstreamCredential, UpstreamCredentials } from '../shared/upstream-credentials.ts';

/** A header's value, or where to get it for a request, such as from a secret store. */
export type HeaderSource = string | ((req: IncomingMessage) => string | Promise<string>);

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The same headers for every user of an upstream. */
export interface StaticHeaders extends UpstreamCredential {
  readonly mode: 'static-headers';
  readonly headers: (req: IncomingMessage) => Promise<Readonly<Record<string, string>>>;
}

/** Headers that belong to the transport. */
const reserved = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Gives an upstream the same headers for everybody, such as an API key.
 * @example
 * auth.proxy('/search', { target: 'https://search.example.com/mcp', upstream: staticHeaders({ 'x-api-key': key }) })
 * @throws ConfigurationError for a name or value that cannot be a header
 */
export function staticHeaders(headers: Readonly<Record<string, HeaderSource>>): StaticHeaders {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    const message = `must be an object of header names and values, got ${kindOf(headers)}`;
    throw new ConfigurationError('staticHeaders(headers)', [{ option: 'headers', message }]);
  }
  const entries = Object.entries(headers).map(([name, source]) => [name.toLowerCase(), source] as const);
  const problems = entries.flatMap(([name, source]) => {
    if (!headerName.test(name) || reserved.has(name))
      return [{ option: name, message: 'cannot be set as an upstream header' }];
    if (typeof source === 'function' || (typeof source === 'string' && isHeaderValue(source))) return [];
    return [{ option: name, message: `must be a header value or a function that gives one, got ${kindOf(source)}` }];
  });
  if (problems.length > 0) throw new ConfigurationError('staticHeaders(headers)', problems);
  return {
    mode: 'static-headers',
    async headers(req) {
      const values = await Promise.all(
        entries.map(async ([name, source]) => [name, typeof source === 'string' ? source : await source(req)] as const),
      );
      if (values.some(([, value]) => !isHeaderValue(value)))
        throw new Error('an upstream header function gave no header value');
      return Object.fromEntries(values);
    },
  };
}

function isHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

/** The same answer for every user; a refusal is final, since there is nothing to renew. */
export function createStaticCredentials(credential: StaticHeaders): UpstreamCredentials {
  return {
    async forRequest({ req, refusal }) {
      if (refusal) return { kind: 'refused', reason: `status ${refusal.status}` };
      try {
        return { kind: 'headers', headers: await credential.headers(req) };
      } catch {
        // Its error may quote a secret.
        return { kind: 'unavailable', reason: 'a header function failed', retryAfterSeconds: 5 };
      }
    },
  };
}
