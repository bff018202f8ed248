import { AsyncLocalStorage } from 'node:async_hooks';
import { callContext } from '../shared/caller.ts';
import { secondsSince, type Telemetry } from '../shared/telemetry.ts';
import type { Handler } from './authenticate.ts';

/** The same check of tokens, with a span and a duration. What follows the check is not part of either. */
export function observeCheck(check: Handler, resourcePath: string, telemetry: Telemetry): Handler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const attributes = { 'mcp_oauth.resource': resourcePath };
    const span = telemetry.span('mcp_oauth authenticate', { kind: 'internal', attributes });
    let isOver = false;

    function finish(outcome: 'allowed' | 'refused' | 'failed'): void {
      if (isOver) return;
      isOver = true;
      res.off('close', refuse);
      const status = outcome === 'allowed' ? undefined : res.statusCode;
      const { flowId, clientId } = callContext(req);
      span.set({
        'mcp_oauth.outcome': outcome,
        'mcp_oauth.flow.id': flowId,
        'mcp_oauth.client.id': clientId,
        'http.response.status_code': status,
      });
      if (outcome === 'failed') span.fail(String(status ?? 500));
      span.end();
      telemetry.record('mcp_oauth.authenticate.duration', secondsSince(startedAt), {
        ...attributes,
        'mcp_oauth.outcome': outcome,
        'http.response.status_code': status,
      });
    }
    function refuse(): void {
      finish(res.statusCode >= 500 ? 'failed' : 'refused');
    }

    res.once('close', refuse);
    const outside = AsyncLocalStorage.snapshot();
    const goOn = (error?: unknown) => {
      finish(error === undefined ? 'allowed' : 'failed');
      outside(next, error); // What comes next does not belong below this span.
    };
    span.run(() => check(req, res, goOn));
  };
}
