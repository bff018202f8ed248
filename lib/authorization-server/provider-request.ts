import type { IncomingMessage } from 'node:http';
import type { Exchange } from '../shared/http.ts';

interface Handover {
  /** Path after the issuer's prefix, with query. */
  readonly target: string;
  readonly accept: 'application/json' | 'text/html';
  /** The body as oidc-provider shall read it, instead of the request's own. */
  readonly body?: { readonly bytes: Buffer; readonly type: string };
  /** Set where this library answers CORS itself. */
  readonly dropOrigin?: boolean;
}

/** A request whose body was read already reads again from `bytes`: oidc-provider's reader asks only for these members. */
function replaceBody(req: IncomingMessage, bytes: Buffer, type: string): void {
  req.headers['content-type'] = type;
  req.headers['content-length'] = String(bytes.length);
  delete req.headers['content-encoding'];
  delete req.headers['transfer-encoding'];
  Object.defineProperties(req, {
    readable: { value: true, configurable: true },
    readableEncoding: { value: null, configurable: true },
    iterator: { value: () => [bytes], configurable: true },
  });
}

/**
 * Express reads `req.ip` from x-forwarded-for at each use: the caller's address is read before that header goes. Without it
 * the address is that of the connection, before and after.
 */
function keepAddress(req: IncomingMessage): void {
  if (req.headers['x-forwarded-for'] === undefined) return;
  const { ip } = req as IncomingMessage & { ip?: string };
  if (ip !== undefined) Object.defineProperty(req, 'ip', { value: ip, configurable: true });
}

/**
 * Turns a request into the one that oidc-provider shall see. Host and scheme are the issuer's, whatever the peer sent:
 * oidc-provider builds URLs from them, and no URL may come from an unchecked header (RFC 8414 section 3.3).
 */
export function handOver({ req, issuer }: Exchange, { target, accept, body, dropOrigin }: Handover): void {
  keepAddress(req);
  req.url = target;
  (req as IncomingMessage & { originalUrl?: string }).originalUrl = `${issuer.pathPrefix}${target}`;
  req.headers.host = issuer.host;
  req.headers['x-forwarded-proto'] = issuer.isSecure ? 'https' : 'http';
  for (const name of ['x-forwarded-host', 'x-forwarded-port', 'x-forwarded-for', 'forwarded']) delete req.headers[name];
  if (dropOrigin) delete req.headers.origin;
  req.headers.accept = accept;
  if (body) replaceBody(req, body.bytes, body.type);
}
