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

/** The path of a request target, folded. An absolute form loses scheme and authority as text: parsers differ on odd ones. */
function foldedTarget(target: string): string {
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? '';
  return fold(path === '' ? '/' : path);
}

/** The public path of a request, and the one it has for handlers behind where the app has rewritten it. */
function foldedPaths(req: ExpressRequest): string[] {
  const current = foldedTarget(`${req.baseUrl ?? ''}${req.url ?? '/'}`);
  return req.originalUrl === undefined ? [current] : [foldedTarget(req.originalUrl), current];
}

/** Whether a request has exactly this target and nobody has rewritten it: the common one, with nothing to fold. */
function hasTarget({ originalUrl, baseUrl = '', url }: ExpressRequest, path: string): boolean {
  return url === path && baseUrl === '' && (originalUrl === undefined || originalUrl === path);
}

function covers(path: string, resourcePath: string): boolean {
  const base = resourcePath === '/' ? '' : fold(resourcePath);
  return path === base || path.startsWith(`${base}/`) || (base === '' && path === '/');
}

/** Whether a request is for the resource's path or anything below it. Dot segments count too: a parser behind resolves them. */
export function isWithin(req: IncomingMessage, resourcePath: string): boolean {
  if (hasTarget(req, resourcePath)) return true;
  const paths = foldedPaths(req as ExpressRequest);
  return paths.some((path) => covers(path, resourcePath) || covers(posix.normalize(path), resourcePath));
}

/**
 * Whether a request belongs to the resource at `resourcePath`, so that `app.use(auth.authenticate('/mcp'))` touches
 * nothing else. Fails closed: a handler put on a route or mount that cannot lead to the resource's path covers every
 * request there, since passing them on would leave that route open.
 */
export function isCovered(req: IncomingMessage, resourcePath: string): boolean {
  const { baseUrl = '', route } = req as ExpressRequest;
  if (isWithin(req, resourcePath) || route !== undefined) return true;
  const mount = fold(baseUrl);
  return mount !== '' && !covers(fold(resourcePath), mount);
}

/** Whether a request is for exactly the resource's path, with or without a trailing slash. */
export function isExactly(req: IncomingMessage, resourcePath: string): boolean {
  if (hasTarget(req, resourcePath)) return true;
  const wanted = fold(resourcePath);
  return foldedPaths(req as ExpressRequest).some((path) => path === wanted || path === `${wanted}/`);
}
