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

/** What is left to do when a token endpoint, or another one, has made its answer. */
export interface TokenOutcome {
  /** Tokens were given out: the client's registration lives on, and the use of its grant is noted. */
  issued(ctx: TokenContext): Promise<void>;
  /**
   * A client whose keys could not be fetched is told to try again: `invalid_client` would make it forget its registration
   * for good.
   */
  failed(ctx: TokenContext): void;
}

export function createTokenOutcome(
  hooks: Pick<ProviderHooks, 'clientUsed' | 'fetchFailure' | 'grantUsed'>,
): TokenOutcome {
  return {
    async issued({ oidc }) {
      const { client, params, entities } = oidc ?? {};
      if (!client) return;
      const grantId = params?.grant_type === 'refresh_token' ? entities?.RefreshToken?.grantId : undefined;
      // The tokens are made: an outage now only means that the client is looked at again with its next token.
      await Promise.allSettled([hooks.clientUsed(client.clientId), grantId && hooks.grantUsed(grantId)]);
    },

    failed(ctx) {
      const failure = hooks.fetchFailure(ctx);
      if (!failure || failure.isRefusal) return;
      const isMachine = (ctx.body as { error?: unknown } | null | undefined)?.error === 'invalid_client';
      if (!isMachine) return;
      const unavailable = new TemporarilyUnavailable();
      ctx.status = unavailable.statusCode;
      ctx.body = { error: unavailable.error, error_description: unavailable.error_description };
    },
  };
}
