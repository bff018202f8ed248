import type { IncomingMessage, ServerResponse } from 'node:http';
import { ConfigurationError, OAuthError } from '../errors.ts';
import type { Handler } from '../handler.ts';
import type { ClientMetadata } from '../options.ts';
import type { Blocks } from '../shared/blocks.ts';
import type { EventSink } from '../shared/events.ts';
import { inFlow, newFlowId } from '../shared/flow-id.ts';
import { BodyError, sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import { kindOf, readRequiredOptions } from '../shared/option-reader.ts';
import type { PagesOptions } from '../shared/pages/pages.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { type Storage, StorageUnavailableError } from '../storage/storage.ts';
import { type ActsOptions, createActs } from './acts.ts';
import type { AdminOptions } from './admin-options.ts';
import { createAdminPage } from './admin-page.ts';
import { type AdminRequest, foreignWrite, refusal, segmentsOf } from './admin-request.ts';
import { createAdminRoutes, describeRoutes, findRoute } from './admin-routes.ts';
import { createDirectory, type DirectoryOptions } from './directory.ts';

export interface AdminDependencies extends Omit<ActsOptions, 'directory'>, Pick<DirectoryOptions, 'connections'> {
  readonly storage: Storage;
  readonly blocks: Blocks;
  readonly events: EventSink;
  readonly keyRing: KeyRingSource;
  readonly fixedClients: readonly ClientMetadata[];
  readonly listKeys: (issuer: Issuer) => Promise<readonly object[]>;
  readonly pages: Pick<PagesOptions, 'brand' | 'catalogues'>;
  /** @throws TypeError for an origin that is not served */
  readonly issuerAt: (origin: string | undefined) => Issuer;
}

type MountedRequest = IncomingMessage & { readonly baseUrl?: string };

const reads = new Set(['GET', 'HEAD']);

function isActor(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= 256;
}

/** @throws ConfigurationError without a guard */
function readAdminOptions(given: AdminOptions): AdminOptions {
  const options = readRequiredOptions(given, ['guard', 'origin']);
  const { guard, origin } = (given ?? {}) as Partial<AdminOptions>;
  if (typeof guard !== 'function')
    options.problem('guard', `must be a function that says who asks: there is no default, got ${kindOf(guard)}`);
  options.string('origin');
  if (options.problems.length > 0) throw new ConfigurationError('admin(options)', options.problems);
  return { guard: guard as AdminOptions['guard'], ...(origin !== undefined && { origin }) };
}

/** Counts the events of this process, by type. */
function createCounters(events: EventSink, now: () => number): () => object {
  const since = Math.floor(now() / 1000);
  const counts = new Map<string, number>();
  const count = ({ type }: { readonly type: string }) => void counts.set(type, (counts.get(type) ?? 0) + 1);
  events.on('*', count);
  return () => ({ since, events: Object.fromEntries([...counts].sort()) });
}

/** What an operator sees and does: a JSON API, its OpenAPI document, and a page over it. */
export function createAdmin(dependencies: AdminDependencies): (options: AdminOptions) => Handler {
  const { events, issuerAt, now = Date.now } = dependencies;
  const directory = createDirectory(dependencies);
  const acts = createActs({ ...dependencies, directory });
  let counters: (() => object) | undefined;

  function fail(res: ServerResponse, error: unknown): void {
    const known = error instanceof BodyError ? new OAuthError('invalid_request', 400, error.message) : error;
    if (known instanceof OAuthError) return sendJson(res, known.status, known);
    const isOutage = error instanceof StorageUnavailableError;
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';
    events.emit({ type: isOutage ? 'storage.unavailable' : 'server.error', flowId: newFlowId(), reason });
    if (res.headersSent) return void res.destroy();
    const problem = { error: isOutage ? 'temporarily_unavailable' : 'server_error' };
    sendJson(res, isOutage ? 503 : 500, problem, isOutage ? { 'retry-after': '5' } : {});
  }

  return (given) => {
    const { guard, origin } = readAdminOptions(given);
    const issuer = issuerAt(origin);
    counters ??= createCounters(events, now);
    const routes = createAdminRoutes({
      directory,
      acts,
      keys: async ({ issuer: of }) => ({ items: await dependencies.listKeys(of) }),
      counters,
    });
    const document = describeRoutes(routes);
    const page = createAdminPage({ keyRing: dependencies.keyRing, pages: dependencies.pages, routes });

    async function serve(req: MountedRequest, res: ServerResponse): Promise<void> {
      const actor: unknown = await guard(req);
      if (!isActor(actor)) {
        events.emit({ type: 'admin.refused', reason: 'guard' });
        return sendJson(res, 403, { error: 'access_denied', error_description: 'the guard refused' });
      }
      const url = URL.parse(`http://admin${req.url ?? '/'}`);
      const segments = url && segmentsOf(url.pathname);
      if (!url || !segments) throw refusal(400, 'the path is malformed');
      if (!reads.has(req.method ?? '')) {
        const foreign = foreignWrite(req, issuer);
        if (foreign !== undefined) {
          events.emit({ type: 'admin.refused', actor, reason: foreign });
          throw refusal(403, 'a page elsewhere may have sent this');
        }
      }
      const request: AdminRequest = { req, res, issuer, actor, segments, query: url.searchParams };
      if (segments.length === 0) return page(request, req.baseUrl ?? '');
      if (segments.join('/') === 'openapi.json' && reads.has(req.method ?? '')) {
        return sendJson(res, 200, { ...document, servers: [{ url: req.baseUrl || '/' }] });
      }
      const found = findRoute(routes, req.method, segments);
      if ('allowed' in found) {
        if (found.allowed.length === 0) throw refusal(404, 'there is no such path');
        res.setHeader('allow', found.allowed.join(', '));
        throw refusal(405, `use ${found.allowed.join(' or ')}`);
      }
      const answer = await found.route.run(request, found.named);
      if (answer === undefined) throw refusal(404, 'there is no such thing');
      sendJson(res, 200, answer);
    }

    return (req, res) => void inFlow(res, undefined, () => serve(req, res).catch((error: unknown) => fail(res, error)));
  };
}
