import type { IncomingMessage } from 'node:http';

type ExpressRequest = IncomingMessage & {
  readonly originalUrl?: string;
  readonly baseUrl?: string;
  readonly route?: unknown;
};

/** The public path of a request, decoded and folded as a router in front of the handler may have done. */
function foldedPath(req: ExpressRequest): string {
  const path = (req.originalUrl ?? req.url ?? '/').split(/[?#]/, 1)[0] ?? '/';
  const absolute = path.startsWith('/') ? path : (URL.parse(path)?.pathname ?? '/');
  let decoded = absolute;
  try {
    decoded = decodeURIComponent(absolute);
  } catch {
    // A broken escape stays as it is.
  }
  return decoded.toLowerCase().replace(/\/{2,}/g, '/');
}

function covers(path: string, resourcePath: string): boolean {
  const base = resourcePath === '/' ? '' : resourcePath.toLowerCase();
  return path === base || path.startsWith(`${base}/`) || (base === '' && path === '/');
}

/**
 * Whether a request belongs to the resource at `resourcePath`, so that `app.use(auth.authenticate('/mcp'))` touches
 * nothing else. Fails closed: a handler put on a route or mount that cannot lead to the resource's path covers every
 * request there, since passing them on would leave that route open.
 */
export function isCovered(req: IncomingMessage, resourcePath: string): boolean {
  const { baseUrl = '', route } = req as ExpressRequest;
  if (covers(foldedPath(req as ExpressRequest), resourcePath)) return true;
  if (route !== undefined) return true;
  const mount = baseUrl.toLowerCase();
  return mount !== '' && !covers(resourcePath.toLowerCase(), mount);
}

/** Whether a request is for exactly the resource's path, with or without a trailing slash. */
export function isExactly(req: IncomingMessage, resourcePath: string): boolean {
  const path = foldedPath(req as ExpressRequest);
  const wanted = resourcePath.toLowerCase();
  return path === wanted || path === `${wanted}/` || (wanted === '/' && path === '');
}
