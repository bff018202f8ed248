import type { IncomingMessage } from 'node:http';
import type { Handler } from './handler.ts';
import type { EventSink } from './shared/events.ts';

type ExpressRequest = IncomingMessage & { readonly originalUrl?: string; readonly baseUrl?: string };

/** The handler as it is mounted, and its well-known part for the root app. */
export interface Mount {
  readonly handler: Handler;
  wellKnown(): Handler;
}

/**
 * Watches where the handler is mounted. Below a prefix it never sees the origin's `/.well-known` paths, and clients find
 * nothing: told once, in a warning.
 */
export function createMount(handler: Handler, events: EventSink): Mount {
  let hasWellKnown = false;
  let isTold = false;

  function watch({ baseUrl = '' }: ExpressRequest): void {
    if (baseUrl === '' || hasWellKnown || isTold) return;
    isTold = true;
    events.emit({
      type: 'configuration.warning',
      code: 'MCP_OAUTH_WELL_KNOWN_UNREACHABLE',
      reason: `mounted under ${baseUrl}: mount auth.wellKnown() on the root app, or clients find no metadata`,
    });
  }

  return {
    handler(req, res, next) {
      watch(req);
      handler(req, res, next);
    },
    wellKnown() {
      hasWellKnown = true;
      return (req, res, next) => {
        const path = (req as ExpressRequest).originalUrl ?? req.url ?? '';
        if (path.startsWith('/.well-known/')) handler(req, res, next);
        else next();
      };
    },
  };
}
