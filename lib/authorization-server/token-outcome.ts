import type { ProviderHooks } from './provider-configuration.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';

interface TokenContext {
  status: number;
  body: unknown;
  readonly oidc?: {
    readonly route?: string;
    readonly client?: { readonly clientId: string };
    readonly params?: { readonly grant_type?: unknown };
    readonly entities?: { readonly RefreshToken?: { readonly grantId?: string } };
  };
}

/**
 * Koa middleware around every endpoint. A token keeps its client's registration alive, and its grant's use is noted; a client whose keys could not
 * be fetched is told to try again: `invalid_client` would make it forget its registration for good.
 */
export function createTokenOutcome(
  hooks: Pick<ProviderHooks, 'clientUsed' | 'fetchFailure' | 'grantUsed'>,
): (ctx: TokenContext, next: () => Promise<void>) => Promise<void> {
  return async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'token' && ctx.status === 200 && ctx.oidc.client) {
      // The tokens are made: an outage now only means that the client is looked at again with its next token.
      const { client, params, entities } = ctx.oidc;
      const grantId = params?.grant_type === 'refresh_token' ? entities?.RefreshToken?.grantId : undefined;
      await Promise.allSettled([hooks.clientUsed(client.clientId), grantId && hooks.grantUsed(grantId)]);
      return;
    }
    const failure = hooks.fetchFailure(ctx);
    if (!failure || failure.isRefusal) return;
    const isMachine = (ctx.body as { error?: unknown } | null | undefined)?.error === 'invalid_client';
    if (isMachine) {
      const unavailable = new TemporarilyUnavailable();
      ctx.status = unavailable.statusCode;
      ctx.body = { error: unavailable.error, error_description: unavailable.error_description };
    }
  };
}
