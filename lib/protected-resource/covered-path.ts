import type { IncomingMessage } from 'node:http';
import { posix } from 'node:path';

type ExpressRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: unknown;
};

/** A path decoded (ASCII, so that no broken escape stops it) and folded as a router or handler behind us may do. */
function fold(path: string): string {
  const decoded = path.replace(/%([0-7][0-9a-f])/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return decoded.toLowerCase().replace(/[/\\]+/g, '/');
}

/** The public path of a request, folded. */
function foldedPath(req: ExpressRequest): string {
  const path = (req.originalUrl ?? req.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
  return fold(path.startsWith('/') ? path : (URL.parse(path)?.pathname ?? '/'));
}

function covers(path: string, resourcePath: string): boolean {
  const base = resourcePath === '/' ? '' : fold(resourcePath);
  return path === base || path.startsWith(`${base}/`) || (base === '' && path === '/');
}

/**
 * Whether a request belongs to the resource at `resourcePath`, so that `app.use(auth.authenticate('/mcp'))` touches
 * nothing else. Fails closed: a handler put on a route or mount that cannot lead to the resource's path covers every
 * request there, since passing them on would leave that route open.
 */
export function isCovered(req: IncomingMessage, resourcePath: string): boolean {
  const { baseUrl = '', route } = req as ExpressRequest;
  const path = foldedPath(req as ExpressRequest);
  // Dot segments too: a handler that parses the URL sees them resolved.
  if (covers(path, resourcePath) || covers(posix.normalize(path), resourcePath)) return true;
  if (route !== undefined) return true;
  const mount = fold(baseUrl);
  return mount !== '' && !covers(fold(resourcePath), mount);
}

/** Whether a request is for exactly the resource's path, with or without a trailing slash. */
export function isExactly(req: IncomingMessage, resourcePath: string): boolean {
  const path = foldedPath(req as ExpressRequest);
  const wanted = fold(resourcePath);
  return path === wanted || path === `${wanted}/` || (wanted === '/' && path === '');
}
