import type { EventSink } from '../shared/events.ts';
import { answering } from './provider-adapter.ts';
import type { ProviderHooks } from './provider-configuration.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';

interface IntrospectionContext {
  status: number;
  body: unknown;
  readonly oidc?: {
    readonly client?: { readonly clientId: string };
  };
}

/**
 * Completes answers of introspection. A resource server that introspects an active token learns who the user is at the
 * identity provider, as it would from a JWT (RFC 7662 section 2.2 lets a server add members). The token's own client does
 * not: an opaque token tells it nothing (RFC 7662 section 5).
 * @param resourceServers ids of the clients that may introspect the tokens of others
 */
export function createIntrospectionAnswer(
  resourceServers: readonly string[],
  { identityClaims }: Pick<ProviderHooks, 'identityClaims'>,
  events: EventSink,
): (ctx: IntrospectionContext) => Promise<void> {
  return async (ctx) => {
    if (!resourceServers.includes(ctx.oidc?.client?.clientId ?? '')) return;
    const { active, sub } = (ctx.body ?? {}) as { active?: unknown; sub?: unknown };
    if (ctx.status !== 200 || active !== true || typeof sub !== 'string') return;
    try {
      ctx.body = { ...(ctx.body as object), ...(await answering(events, identityClaims(sub))) };
    } catch (error) {
      if (!(error instanceof TemporarilyUnavailable)) throw error;
      ctx.status = error.statusCode;
      ctx.body = { error: error.error, error_description: error.error_description };
    }
  };
}
