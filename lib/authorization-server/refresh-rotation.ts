import { errors } from 'oidc-provider';
import { type EventSink, resourceMember } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import { commitAll } from '../storage/commit.ts';
import type { RecordWrite, Storage, StoredRecord } from '../storage/storage.ts';
import { StorageUnavailableError } from '../storage/storage.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';
import { type TokenEventContext, tokenIssued, tokenRefused } from './token-events.ts';
import { collectWrites, takeWrites } from './token-writes.ts';
import { usedBefore } from './used-before.ts';

/** What the grants stage offers for rotation; the shapes are those of its `RefreshGrace`. */
export interface Grace {
  keep(answer: Answer, grantId: string): { readonly answerId: string; readonly write: RecordWrite };
  isWithin(usedAt: number): boolean;
  find(answerId: string): Promise<{ readonly answer?: Answer } | undefined>;
  isUnused(answer: Answer): Promise<boolean>;
}

interface Answer {
  readonly body: Readonly<Record<string, unknown>>;
  readonly issuedAt: number;
}

/** What of a Koa context is used. */
interface TokenContext extends TokenEventContext {
  status: number;
  body: unknown;
  readonly oidc: {
    readonly params?: Record<string, unknown>;
    readonly client?: { readonly clientId: string };
    readonly entities: { readonly RefreshToken?: RefreshTokenEntity };
  };
}

interface RefreshTokenEntity {
  readonly jti: string;
  readonly grantId: string;
  readonly clientId: string;
  readonly accountId?: string;
  readonly resource?: unknown;
  readonly scope?: string;
  readonly jkt?: string;
}

/** Kept in the record of a refresh token that was used up. */
interface Rotation {
  /** When, UNIX seconds. */
  readonly at: number;
  /** Absent without a grace window. */
  readonly answerId?: string;
  /** What was asked for; absent where it is what the token was given for. */
  readonly binding?: string;
}

/** A request whose refresh token was not used before. It writes nothing until all is said. */
interface Use {
  readonly id: string;
  readonly record: StoredRecord;
  /** Set once the token passed every check. */
  grantId?: string;
  binding?: string | undefined;
}

/** A request whose refresh token was used inside the window. */
interface Repetition {
  readonly rotation: Rotation;
  /** Absent where this process cannot read it. */
  readonly answer: Answer | undefined;
  /** Set once the token passed every check. */
  isGranted: boolean;
}

/** Refresh token rotation as oidc-provider's hooks, adapter and middleware see it. */
export interface RefreshRotation {
  /**
   * A refresh token was read. @param id of its record
   * @returns whether it must not look used to oidc-provider, whose own reuse detection starts after the window
   */
  read(request: object, id: string, record: StoredRecord): Promise<boolean>;
  /** The `rotateRefreshToken` hook: runs after every validation, right before the token is used up. */
  beforeUse(ctx: TokenContext): void;
  /** Whether this request uses up the token of this record, or of any where none is named: what it writes is written at its end. */
  isRotating(request: object, id?: string): boolean;
  /** After the token endpoint: writes the successor, or gives the answer of the request that did. */
  finish(ctx: TokenContext): Promise<void>;
}

const kind = 'RefreshToken';

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** When a refresh token was used up; undefined where it was not. */
export function usedAt({ value, consumedAt }: StoredRecord): number | undefined {
  return consumedAt ?? (value.rotation as Rotation | undefined)?.at;
}

/** One canonical text of what a refresh request asks for. */
function bindingOf(token: RefreshTokenEntity, params: Record<string, unknown> = {}): string {
  const scopes = String(params.scope ?? token.scope ?? '')
    .split(' ')
    .filter(Boolean)
    .sort();
  return JSON.stringify([token.clientId, params.resource ?? token.resource, scopes, token.jkt ?? null]);
}

/** What is asked for, where it is not all that the token was given for. */
function narrowedBinding(token: RefreshTokenEntity, params: Record<string, unknown> = {}): string | undefined {
  if (params.scope === undefined && params.resource === undefined) return undefined;
  const asked = bindingOf(token, params);
  return asked === bindingOf(token) ? undefined : asked;
}

const foreign = 'refresh token is bound to another request';

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

export interface RefreshRotationOptions {
  readonly storage: Storage;
  readonly issuer: Issuer;
  /** The grace window; undefined where it is off. */
  readonly grace: Grace | undefined;
  readonly events: EventSink;
}

/**
 * A refresh token is exchanged for its successor in one step, at the end of the request that made it: whatever is refused
 * before, or interrupted, burns nothing. Of parallel requests one writes; the others find that out and get its answer.
 */
export function createRefreshRotation({ storage, issuer, grace, events }: RefreshRotationOptions): RefreshRotation {
  const uses = new WeakMap<object, Use>();
  const repetitions = new WeakMap<object, Repetition>();

  function give(ctx: TokenContext, answer: Answer | undefined): void {
    if (!answer) return sendUnavailable(ctx);
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
  }

  function refuse(ctx: TokenContext, error: errors.InvalidGrant): void {
    ctx.status = error.statusCode;
    ctx.body = { error: error.error, error_description: error.error_description };
    tokenRefused(events, ctx, error);
  }

  /** Another request was faster, or the grant has ended meanwhile. */
  async function lose(ctx: TokenContext, use: Use): Promise<void> {
    const current = await storage.get(kind, use.id);
    if (!current) return refuse(ctx, new errors.InvalidGrant('grant was revoked meanwhile'));
    const rotation = current.value.rotation as Rotation | undefined;
    if (!rotation) return sendUnavailable(ctx);
    if (!grace || rotation.answerId === undefined) return refuse(ctx, usedBefore(kind));
    if (rotation.binding !== use.binding) return refuse(ctx, new errors.InvalidGrant(foreign));
    give(ctx, (await grace.find(rotation.answerId))?.answer);
  }

  async function write(ctx: TokenContext, use: Use): Promise<void> {
    const { id, record, binding, grantId = '' } = use;
    const at = nowSeconds();
    const kept = grace?.keep({ body: ctx.body as Answer['body'], issuedAt: at }, grantId);
    const rotation: Rotation = {
      at,
      ...(kept && { answerId: kept.answerId }),
      ...(binding !== undefined && { binding }),
    };
    const value = { ...record.value, rotation };
    const options = { grantId, ...(record.expiresAt !== undefined && { expiresAt: record.expiresAt }) };
    const successor = [...takeWrites(ctx), ...(kept ? [kept.write] : [])];
    const deciding = { how: 'use', kind, id, version: record.version, consumedAt: at, value, options } as const;
    if (await commitAll(storage, deciding, successor)) return tokenIssued(events, ctx);
    await lose(ctx, use);
  }

  return {
    async read(request, id, record) {
      const at = usedAt(record);
      if (at === undefined) {
        uses.set(request, { id, record });
        return false;
      }
      const rotation = record.value.rotation as Rotation | undefined;
      if (!grace || rotation?.answerId === undefined || !grace.isWithin(at)) return false;
      const found = await grace.find(rotation.answerId);
      if (!found || (found.answer && !(await grace.isUnused(found.answer)))) return false;
      repetitions.set(request, { rotation, answer: found.answer, isGranted: false });
      return true;
    },

    beforeUse(ctx) {
      const token = ctx.oidc.entities.RefreshToken;
      if (!token) return;
      const binding = narrowedBinding(token, ctx.oidc.params);
      const repetition = repetitions.get(ctx);
      if (repetition) {
        if (repetition.rotation.binding !== binding) throw new errors.InvalidGrant(foreign);
        repetition.isGranted = true;
        throw new errors.InvalidGrant(rotatedBefore);
      }
      const use = uses.get(ctx);
      if (!use) return;
      Object.assign(use, { grantId: recordId(issuer, token.grantId), binding });
      collectWrites(ctx);
    },

    isRotating(request, id) {
      const use = uses.get(request);
      return use?.grantId !== undefined && (id === undefined || use.id === id);
    },

    async finish(ctx) {
      const repetition = repetitions.get(ctx);
      if (repetition?.isGranted) return give(ctx, repetition.answer);
      const use = uses.get(ctx);
      if (use?.grantId === undefined || ctx.status !== 200) return;
      try {
        await write(ctx, use);
      } catch (error) {
        if (!(error instanceof StorageUnavailableError)) throw error;
        events.emit({ type: 'storage.unavailable', reason: error.message });
        sendUnavailable(ctx);
      }
    },
  };
}

/** Internal reason of a request that gets the answer of another one; never an event, never on the wire. */
export const rotatedBefore = 'refresh token was rotated before';
