import { errors } from 'oidc-provider';
import { type EventSink, resourceMember } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';
import { settleWrites } from './token-writes.ts';

/** What the grants stage offers for rotation; the shapes are those of its `RefreshGrace`. */
export interface Grace {
  claim(request: {
    tokenId: string;
    grantId: string;
    binding: string;
  }): Promise<{ kind: 'held'; held: Held } | { kind: 'wait'; claimId: string } | { kind: 'mismatch' }>;
  complete(held: Held, answer: Answer): Promise<boolean>;
  release(held: Held): Promise<void>;
  answer(claimId: string): Promise<Answer | undefined>;
  isOpen(tokenId: string): Promise<boolean>;
}

interface Held {
  readonly claimId: string;
  readonly grantId: string;
  readonly holder: string;
  readonly isTakeover: boolean;
}

interface Answer {
  readonly body: Record<string, unknown>;
  readonly issuedAt: number;
}

/** What of a Koa context is used. */
interface TokenContext {
  status: number;
  body: unknown;
  set(name: string, value: string): void;
  readonly oidc: {
    readonly params?: Record<string, unknown>;
    readonly client?: { readonly clientId: string };
    readonly entities: { readonly RefreshToken?: RefreshTokenEntity };
  };
}

interface RefreshTokenEntity {
  readonly accountId?: string;
  readonly jti: string;
  readonly grantId: string;
  readonly clientId: string;
  readonly resource?: unknown;
  readonly scope?: string;
  readonly jkt?: string;
}

/** Internal reason of a request that waits for another's answer; never an event, never on the wire. */
export const beingRotated = 'refresh token is being rotated';

type Part = { readonly held: Held; isUsedUp: boolean } | { readonly claimId: string };

/** Refresh token rotation as oidc-provider's hooks, adapter and middleware see it. */
export interface RefreshRotation {
  /** The `rotateRefreshToken` hook: runs after every validation, right before the token is consumed. */
  beforeConsume(ctx: TokenContext): Promise<void>;
  /** Whether this request alone holds the token's claim: it need not wait for the token to be consumed. */
  holds(ctx: object): boolean;
  /** Whether this request goes on after it tried to consume the token: only a takeover may find it used up by a dead holder. */
  mayGoOn(ctx: object, outcome: 'consumed' | 'already' | 'missing'): boolean;
  /** The token was consumed by this request: from now on a failure leaves it used. */
  consumed(ctx: object): void;
  /** Whether a consumed token must not look consumed to oidc-provider, whose own reuse detection starts after the window. */
  isInGrace(tokenId: string): Promise<boolean>;
  /** Koa middleware around the token endpoint. */
  middleware(ctx: TokenContext, next: () => Promise<void>): Promise<void>;
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** One canonical text of what a refresh request asks for. */
function bindingOf(token: RefreshTokenEntity, params: Record<string, unknown> = {}): string {
  const scopes = String(params.scope ?? token.scope ?? '')
    .split(' ')
    .filter(Boolean)
    .sort();
  return JSON.stringify([token.clientId, params.resource ?? token.resource, scopes, token.jkt ?? null]);
}

/** The stored answer again, as if issued now: only the remaining lifetime differs. */
function replay(ctx: TokenContext, { body, issuedAt }: Answer): void {
  const expiresIn =
    typeof body.expires_in === 'number' ? Math.max(1, body.expires_in - (nowSeconds() - issuedAt)) : undefined;
  ctx.status = 200;
  ctx.body = { ...body, ...(expiresIn !== undefined && { expires_in: expiresIn }) };
}

function sendUnavailable(ctx: TokenContext): void {
  const unavailable = new TemporarilyUnavailable();
  ctx.status = unavailable.statusCode;
  ctx.body = { error: unavailable.error, error_description: unavailable.error_description };
}

/** The holder's end. An answer that the others cannot get is not given either: a retry takes the claim over. */
async function finish(
  ctx: TokenContext,
  grace: Grace,
  { held, isUsedUp }: { held: Held; isUsedUp: boolean },
): Promise<void> {
  if (ctx.status === 200) {
    const isKept = await grace
      .complete(held, { body: ctx.body as Answer['body'], issuedAt: nowSeconds() })
      .catch(() => false);
    if (!isKept) sendUnavailable(ctx);
    return;
  }
  // An outage here leaves the claim to its lease.
  if (!isUsedUp) await grace.release(held).catch(() => undefined);
}

export function createRefreshRotation(issuer: Issuer, grace: Grace | undefined, events: EventSink): RefreshRotation {
  const parts = new WeakMap<object, Part>();

  return {
    async beforeConsume(ctx) {
      const token = ctx.oidc.entities.RefreshToken;
      if (!grace || !token) return;
      const claim = await grace.claim({
        tokenId: recordId(issuer, token.jti),
        grantId: recordId(issuer, token.grantId),
        binding: bindingOf(token, ctx.oidc.params),
      });
      if (claim.kind === 'held') return void parts.set(ctx, { held: claim.held, isUsedUp: false });
      if (claim.kind === 'wait') parts.set(ctx, { claimId: claim.claimId });
      throw new errors.InvalidGrant(claim.kind === 'wait' ? beingRotated : 'refresh token is bound to another request');
    },

    holds(ctx) {
      const part = parts.get(ctx);
      return part !== undefined && 'held' in part;
    },

    mayGoOn(ctx, outcome) {
      const part = parts.get(ctx);
      const tookOver = part !== undefined && 'held' in part && part.held.isTakeover;
      return outcome === 'consumed' || (outcome === 'already' && tookOver);
    },

    consumed(ctx) {
      const part = parts.get(ctx);
      if (part && 'held' in part) part.isUsedUp = true;
    },

    isInGrace: async (tokenId) => (grace ? grace.isOpen(tokenId) : false),

    async middleware(ctx, next) {
      await next();
      // Every write has been waited for, or the request was refused between two of them.
      await settleWrites(ctx).catch(() => {
        if (ctx.status === 200) sendUnavailable(ctx);
      });
      const part = parts.get(ctx);
      if (!part || !grace) return;
      if ('held' in part) return finish(ctx, grace, part);
      const answer = await grace.answer(part.claimId).catch((error: unknown) => {
        if (!(error instanceof StorageUnavailableError)) throw error;
        events.emit({ type: 'storage.unavailable', reason: error.message });
        return undefined;
      });
      if (answer) {
        replay(ctx, answer);
        const { client, entities } = ctx.oidc;
        events.emit({
          type: 'token.replayed',
          ...(client && { clientId: client.clientId }),
          ...(entities.RefreshToken && {
            flowId: entities.RefreshToken.grantId,
            ...(entities.RefreshToken.accountId !== undefined && { subject: entities.RefreshToken.accountId }),
            ...resourceMember(entities.RefreshToken.resource),
          }),
        });
        return;
      }
      sendUnavailable(ctx);
    },
  };
}
