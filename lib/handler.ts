import type { IncomingMessage, ServerResponse } from 'node:http';
import { OAuthError } from './errors.ts';
import type { EventSink } from './shared/events.ts';
import { type CallerFlow, inFlow, newFlowId } from './shared/flow-id.ts';
import { type Endpoint, type Exchange, sendJson } from './shared/http.ts';
import type { Issuer } from './shared/issuer.ts';
import type { IssuerResolver } from './shared/issuer-resolver.ts';
import type { Pages } from './shared/pages/pages.ts';
import { StorageUnavailableError } from './storage/storage.ts';

export type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** An owned path and what serves it. `audience` decides whether errors are pages or JSON. */
export interface OwnedPath {
  readonly audience: 'browser' | 'machine';
  /** A public document that never changes with its caller: its answer is part of no flow. */
  readonly isDocument?: true;
  readonly serve: Endpoint;
}

/** Finds what serves a path; undefined for paths that are not ours. */
export type Routes = (
  path: { readonly afterPrefix: string; readonly public: string },
  issuer: Issuer,
) => OwnedPath | undefined;

export interface HandlerOptions {
  readonly issuerOf: IssuerResolver;
  /** The issuer whose paths decide ownership where Host names none. */
  readonly configured: Issuer | undefined;
  readonly routes: Routes;
  readonly events: EventSink;
  /** Left out where no authorization follows. */
  readonly callerFlow?: CallerFlow;
  /** Left out where nothing is for browsers. */
  readonly pages?: Pages;
}

/** A stand-in issuer: with it only ownership of a path is asked, nothing is served under it. */
const noIssuer: Issuer = {
  identifier: '',
  origin: '',
  host: '',
  pathPrefix: '',
  isSecure: false,
  isLoopback: false,
  tag: '',
};

type ExpressRequest = IncomingMessage & { readonly originalUrl?: string };

function withoutQuery(target: string): string {
  const end = target.includes('?') || target.includes('#') ? target.search(/[?#]/) : -1;
  return end < 0 ? target : target.slice(0, end);
}

function pathsOf(target: string, prefix: string): { afterPrefix: string; public: string } | undefined {
  const path = withoutQuery(target);
  if (!path.startsWith('/')) return undefined;
  if (prefix === '') return { public: path, afterPrefix: path };
  const isUnderPrefix = path === prefix || path.startsWith(`${prefix}/`);
  return { public: path, afterPrefix: isUnderPrefix ? path.slice(prefix.length) : '' };
}

/** A request whose URL is parsed when something asks for it: a document is served without. */
class OwnedExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly issuer: Issuer;
  readonly path: string;
  readonly #target: string;
  #url: URL | undefined;

  /** @param target starts with a slash: behind an origin that makes a URL of any text */
  constructor(req: IncomingMessage, res: ServerResponse, issuer: Issuer, target: string, path: string) {
    this.req = req;
    this.res = res;
    this.issuer = issuer;
    this.#target = target;
    this.path = path;
  }

  get url(): URL {
    this.#url ??= new URL(`${this.issuer.origin}${this.#target}`);
    return this.#url;
  }
}

interface Failure {
  readonly audience: OwnedPath['audience'];
  readonly isOutage: boolean;
  readonly flowId: string;
}

function sendFailure(pages: Pages | undefined, exchange: Exchange, { audience, isOutage, flowId }: Failure): void {
  const { res } = exchange;
  if (res.headersSent) return void res.destroy();
  const status = isOutage ? 503 : 500;
  if (isOutage) res.setHeader('retry-after', '5');
  if (audience === 'machine' || !pages) {
    const error = isOutage ? 'temporarily_unavailable' : 'server_error';
    return sendJson(res, status, {
      error,
      error_description: isOutage ? 'the server cannot answer now; try again' : 'the request failed',
    });
  }
  const code = isOutage ? 'temporarily_unavailable' : 'server_error';
  pages.send(exchange, 'error', { kind: isOutage ? 'unavailable' : 'failed', code, flowId }, { status });
}

/** The Express handler: serves owned paths of an allowed host, and passes everything else on untouched. */
export function createHandler({ issuerOf, configured, routes, events, pages, callerFlow }: HandlerOptions): Handler {
  function fail({ audience }: OwnedPath, exchange: Exchange, error: unknown): void {
    const isStorageOutage =
      error instanceof StorageUnavailableError ||
      (error as { error?: string } | undefined | null)?.error === 'temporarily_unavailable';
    const isOtherOutage = error instanceof OAuthError && error.code === 'temporarily_unavailable';
    const isOutage = isStorageOutage || isOtherOutage;
    const cause = isOtherOutage ? error.cause : error; // The error itself says only what everybody may know.
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown';
    const flowId = newFlowId();
    events.emit({ type: isStorageOutage ? 'storage.unavailable' : 'server.error', flowId, reason });
    sendFailure(pages, exchange, { audience, isOutage, flowId });
  }

  function serve(owned: OwnedPath, exchange: Exchange): void {
    // Of the app's own middleware, helmet say: on a redirect, too, it cuts a client's popup off from its opener.
    if (owned.audience === 'browser') exchange.res.removeHeader('cross-origin-opener-policy');
    try {
      const served = owned.serve(exchange);
      if (served) served.catch((error: unknown) => fail(owned, exchange, error));
    } catch (error) {
      fail(owned, exchange, error);
    }
  }

  function serveInFlow(owned: OwnedPath, exchange: Exchange): void {
    if (owned.isDocument) return serve(owned, exchange);
    const discoveryId = owned.audience === 'machine' ? callerFlow?.(exchange.req) : undefined;
    inFlow(exchange.res, discoveryId, () => serve(owned, exchange));
  }

  return (req, res, next) => {
    const target = (req as ExpressRequest).originalUrl ?? req.url ?? '/';
    // Most requests are the app's own: of a configured issuer's Host nothing is asked before a path is known to be ours.
    const reference = configured ?? issuerOf(req) ?? noIssuer;
    const paths = pathsOf(target, reference.pathPrefix);
    const owned = paths && routes(paths, reference);
    if (!paths || !owned) return next();
    const issuer = issuerOf(req);
    if (!issuer) {
      events.emit({ type: 'authorization.refused', reason: 'host is not served' });
      return sendJson(res, 421, { error: 'invalid_request', error_description: 'this host is not served' });
    }
    serveInFlow(owned, new OwnedExchange(req, res, issuer, target, paths.afterPrefix));
  };
}
