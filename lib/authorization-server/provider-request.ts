import type { IncomingMessage, ServerResponse } from 'node:http';
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

/** Outage answers say when to try again (RFC 9110 section 10.2.3); oidc-provider writes the head itself, so it is added there. */
function addRetryAfter(res: ServerResponse): void {
  const writeHead = res.writeHead;
  res.writeHead = function (this: ServerResponse, ...head: unknown[]) {
    if (head[0] === 503 && !res.hasHeader('retry-after')) res.setHeader('retry-after', '5');
    return Reflect.apply(writeHead, this, head);
  } as typeof res.writeHead;
}

/** Express reads `req.ip` from x-forwarded-for at each use: the caller's address is read before that header goes. */
function keepAddress(req: IncomingMessage): void {
  const { ip } = req as IncomingMessage & { ip?: string };
  if (ip !== undefined) Object.defineProperty(req, 'ip', { value: ip, configurable: true });
}

/**
 * Turns a request into the one that oidc-provider shall see. Host and scheme are the issuer's, whatever the peer sent:
 * oidc-provider builds URLs from them, and no URL may come from an unchecked header (RFC 8414 section 3.3).
 */
export function handOver({ req, res, issuer }: Exchange, { target, accept, body, dropOrigin }: Handover): void {
  addRetryAfter(res);
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
