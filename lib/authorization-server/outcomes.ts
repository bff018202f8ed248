import type { createIntrospectionAnswer } from './introspection-answer.ts';
import type { createJwtRevocation } from './jwt-revocation.ts';
import type { AuthorizationContext } from './redirect-guard.ts';
import type { RefreshRotation } from './refresh-rotation.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';
import type { TokenOutcome } from './token-outcome.ts';
import { settleWrites } from './token-writes.ts';

/** What of a Koa context is used here. */
interface OutcomeContext {
  status: number;
  body: unknown;
  set(name: string, value: string): void;
  readonly oidc?: {
    readonly route?: string;
    readonly client?: { readonly clientId: string };
    readonly params?: Readonly<Record<string, unknown>>;
    readonly entities?: { readonly RefreshToken?: { readonly grantId?: string } };
  };
}

export interface OutcomeOptions {
  readonly rotation: RefreshRotation;
  readonly tokenOutcome: TokenOutcome;
  readonly guardRedirect: (ctx: AuthorizationContext) => Promise<void>;
  readonly completeIntrospection: ReturnType<typeof createIntrospectionAnswer>;
  readonly completeRevocation: ReturnType<typeof createJwtRevocation>;
}

/** Koa middleware around every endpoint: what is done when oidc-provider has made its answer, by the endpoint that made it. */
export function createOutcomes({
  rotation,
  tokenOutcome,
  guardRedirect,
  completeIntrospection,
  completeRevocation,
}: OutcomeOptions): (ctx: OutcomeContext, next: () => Promise<void>) => Promise<void> {
  async function completeToken(ctx: OutcomeContext): Promise<void> {
    // Every write has been waited for, or the request was refused between two of them.
    await settleWrites(ctx).catch(() => {
      const unavailable = new TemporarilyUnavailable();
      if (ctx.status !== 200) return;
      ctx.status = unavailable.statusCode;
      ctx.body = { error: unavailable.error, error_description: unavailable.error_description };
    });
    await rotation.finish(ctx as never);
    if (ctx.status === 200) await tokenOutcome.issued(ctx);
  }

  return async (ctx, next) => {
    await next();
    switch (ctx.oidc?.route) {
      case 'token':
        await completeToken(ctx);
        break;
      case 'authorization':
        await guardRedirect(ctx as never);
        break;
      case 'introspection':
        await completeIntrospection(ctx);
        break;
      case 'revocation':
        await completeRevocation(ctx);
        break;
    }
    if (ctx.status < 400) return;
    tokenOutcome.failed(ctx);
    // Outage answers say when to try again (RFC 9110 section 10.2.3).
    if (ctx.status === 503) ctx.set('retry-after', '5');
  };
}
