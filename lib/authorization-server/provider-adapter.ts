import { setTimeout as pause } from 'node:timers/promises';
import { errors } from 'oidc-provider';
import { currentRequest } from '../shared/current-request.ts';
import type { EventSink } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { listedIndex } from '../shared/listing.ts';
import { readRecord } from '../shared/read-ahead.ts';
import { recordId } from '../shared/record-ids.ts';
import { sealedIndex } from '../shared/sealed-records.ts';
import { type Storage, StorageUnavailableError, type StoredRecord, type WriteOptions } from '../storage/storage.ts';
import { type RefreshRotation, usedAt } from './refresh-rotation.ts';
import { recallRecord, rememberRecord } from './request-records.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';
import { readOwnerAhead, readTokenAhead } from './token-reads.ts';
import { beginWrite, collectWrite, isFirstOfPair, settleWrites } from './token-writes.ts';
import { usedBefore } from './used-before.ts';

type Payload = Record<string, unknown>;

/** The only place that knows oidc-provider's adapter interface. */
export interface ProviderAdapter {
  upsert(id: string, payload: Payload, expiresIn?: number): Promise<void>;
  find(id: string): Promise<Payload | undefined>;
  findByUid(uid: string): Promise<Payload | undefined>;
  findByUserCode(userCode: string): Promise<Payload | undefined>;
  consume(id: string): Promise<void>;
  destroy(id: string): Promise<void>;
  revokeByGrantId(grantId: string): Promise<void>;
}

export interface ProviderAdapterOptions {
  readonly storage: Storage;
  readonly issuer: Issuer;
  readonly keyRing: KeyRing;
  readonly events: EventSink;
  readonly rotation: RefreshRotation;
  /** How long a deleted grant refuses late writes, seconds: at least the longest life of anything under a grant. */
  readonly tombstoneSeconds: number;
  /** Client registrations end after this many seconds without a token. */
  readonly clientTtlSeconds: number;
  readonly loadClient: (clientId: string) => Promise<object | undefined>;
  /** A client of the store, without what no registration gives. */
  readonly registeredClient: (metadata: Payload) => Payload;
  /** Called after a grant was deleted in this process. */
  readonly onGrantDeleted: () => void;
}

/** Fields that hold a secret: sealed in the store. */
const sealedFields: { readonly [model: string]: readonly string[] } = { Client: ['client_secret'] };

/** Models whose records later steps of the same request need again. */
const remembered = new Set(['AuthorizationCode', 'RefreshToken', 'AccessToken']);

/** How long a lost race for a code or a refresh token waits at least before it ends the winner's tokens. */
const reuseDelayMs = 1000;
/** A winner has fewer storage calls than this before it, each about as long as the loser's own. */
const reuseDelayCalls = 10;
const maxReuseDelayMs = 5000;
const justUsedSeconds = 2;

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** The token request's `resource` must be the one the code was granted for: checked before the code is used up (RFC 8707 section 2.2). */
function requireGrantedResource(payload: Payload): void {
  const requested = (currentRequest() as { oidc?: { params?: Payload } } | undefined)?.oidc?.params?.resource;
  const granted = Array.isArray(payload.resource) ? payload.resource : [payload.resource];
  if (requested === undefined || granted.includes(requested)) return;
  throw new errors.InvalidTarget('resource was not granted');
}

/**
 * A pushed authorization request is used up when its code is given out, which may be after it has expired: it is kept as long
 * as a login may take, so that of those who began with it one gets a code (RFC 9126 section 4). That it has expired,
 * oidc-provider reads in it.
 */
const longestLoginSeconds = 3600;

/** How long a record is kept, seconds. */
function lifetimeOf(model: string, expiresIn: number | undefined, clientTtlSeconds: number): number | undefined {
  if (expiresIn === undefined) return model === 'Client' ? clientTtlSeconds : undefined;
  return model === 'PushedAuthorizationRequest' ? expiresIn + longestLoginSeconds : expiresIn;
}

interface TokenRequest {
  readonly oidc?: { readonly client?: { readonly clientId: string; readonly tokenEndpointAuthMethod?: string } };
}

/** What is kept with a refresh token beside oidc-provider's payload: how its client authenticated, which every refresh must repeat. */
function refreshExtras(): { authMethod?: string } {
  const authMethod = (currentRequest() as TokenRequest | undefined)?.oidc?.client?.tokenEndpointAuthMethod;
  return authMethod === undefined ? {} : { authMethod };
}

/** Requests that met an outage. What one of them looks up to render its error would wait for the store once more. */
const cutOff = new WeakSet<object>();

/** Storage outages become 503; everything else stays as it is. */
export async function answering<T>(events: EventSink, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof StorageUnavailableError)) throw cause;
    events.emit({ type: 'storage.unavailable', reason: cause.message });
    const request = currentRequest();
    if (request) cutOff.add(request);
    throw new TemporarilyUnavailable({ cause });
  }
}

function sealFields(model: string, key: string, payload: Payload, keyRing: KeyRing): Payload {
  const stored: Payload = { ...payload };
  delete stored.jti; // The identifier is the token itself: only its hash, the record's id, is kept.
  if (model === 'Interaction' && typeof stored.session === 'object' && stored.session !== null) {
    const { cookie: _, ...session } = stored.session as Payload; // The session's id again.
    stored.session = session;
  }
  for (const field of sealedFields[model] ?? []) {
    if (typeof stored[field] === 'string') stored[field] = keyRing.seal(key, stored[field]);
  }
  return stored;
}

function openRecord(
  model: string,
  key: string,
  record: StoredRecord,
  keyRing: KeyRing,
  id?: string,
): Payload | undefined {
  const payload: Payload = { ...record.value, ...(id !== undefined && model !== 'Client' && { jti: id }) };
  const consumed = usedAt(record);
  if (consumed !== undefined) payload.consumed = consumed;
  for (const field of sealedFields[model] ?? []) {
    if (typeof payload[field] !== 'string') continue;
    const opened = keyRing.open(key, payload[field]);
    if (opened === undefined) return undefined;
    payload[field] = opened;
  }
  return payload;
}

/**
 * With what a record ends: a token with its grant, a session with the sign-in that it rests on, which oidc-provider carries
 * for us as the session's `acr`.
 */
function ownerOf(model: string, id: string, payload: Payload): unknown {
  if (model === 'Grant') return id;
  if (model === 'Session') return payload.acr;
  return model === 'Interaction' ? undefined : payload.grantId;
}

/** By what records are found besides their id: sessions by their uid, grants by whose they are, client secrets by their key. */
function indexOf(
  model: string,
  key: string,
  payload: Payload,
  keyOf: (id: string) => string,
): Pick<WriteOptions, 'index'> {
  const { uid, accountId, clientId } = payload;
  if (model === 'Session' && typeof uid === 'string') return { index: { uid: keyOf(uid) } };
  if (model === 'Grant' && typeof accountId === 'string' && typeof clientId === 'string')
    return { index: { account: keyOf(accountId), client: keyOf(clientId) } };
  if (model === 'Client') return { index: { ...listedIndex(key), ...sealedIndex(key, payload.client_secret) } };
  return {};
}

/** Maps one oidc-provider model to the storage port. */
export function createProviderAdapter(model: string, options: ProviderAdapterOptions): ProviderAdapter {
  const { storage, issuer, keyRing, events, rotation } = options;
  const keyOf = (id: string) => recordId(issuer, id);

  async function deleteGrant(grantId: string): Promise<void> {
    await answering(events, storage.deleteByGrant(keyOf(grantId), nowSeconds() + options.tombstoneSeconds));
    options.onGrantDeleted();
  }

  /** The app's own client; while the app cannot tell, the client is not unknown. */
  async function loadClient(clientId: string): Promise<Payload | undefined> {
    try {
      return (await options.loadClient(clientId)) as Payload | undefined;
    } catch (cause) {
      events.emit({
        type: 'server.error',
        clientId,
        reason: `loadClient: ${((cause as Error).cause as Error | undefined)?.message ?? 'failed'}`,
      });
      throw new TemporarilyUnavailable({ cause });
    }
  }

  /** A form sent twice writes the same grant; a grant of another account is never written over. */
  async function createGrant(key: string, value: Payload, write: WriteOptions): Promise<void> {
    if (await answering(events, storage.create('Grant', key, value, write))) return;
    const existing = await answering(events, storage.get('Grant', key));
    if (existing?.value.accountId !== value.accountId)
      throw new errors.SessionNotFound('interaction was decided before');
  }

  async function put(key: string, value: Payload, write: WriteOptions): Promise<void> {
    if (await answering(events, storage.put(model, key, value, write))) return;
    if (model === 'Session') throw new errors.SessionNotFound('the sign-in was ended meanwhile');
    throw new errors.InvalidGrant('grant was revoked meanwhile');
  }

  return {
    async upsert(id, payload, expiresIn) {
      const key = keyOf(id);
      const lifetime = lifetimeOf(model, expiresIn, options.clientTtlSeconds);
      const grantId = ownerOf(model, id, payload);
      const value: Payload = {
        ...sealFields(model, key, payload, keyRing),
        ...(model === 'RefreshToken' && refreshExtras()),
      };
      const write = {
        ...(lifetime !== undefined && { expiresAt: nowSeconds() + lifetime }),
        ...(typeof grantId === 'string' && { grantId: keyOf(grantId) }),
        ...indexOf(model, key, value, keyOf),
      };
      if (model === 'ReplayDetection') {
        if (await answering(events, storage.create(model, key, value, write))) return;
        throw new errors.InvalidClientAuth('assertion was used before');
      }
      if (model === 'Interaction' && payload.result !== undefined) {
        // A decision never brings back an interaction that was resumed meanwhile: it would give a second code.
        const read = () => answering(events, storage.get(model, key));
        for (let live = await read(); live; live = await read())
          if (await answering(events, storage.replace(model, key, live.version, value, write))) return;
        throw new errors.SessionNotFound('interaction was resumed before');
      }
      const request = currentRequest();
      const isOfToken = model === 'AccessToken' || model === 'RefreshToken';
      if ((isOfToken || model === 'Grant') && collectWrite(request, { kind: model, id: key, value, options: write }))
        return;
      if (model === 'Grant') return createGrant(key, value, write);
      if (!request || !isOfToken) return put(key, value, write);
      beginWrite(request, put(key, value, write), () => storage.delete(model, key));
      return isFirstOfPair(model, request) ? undefined : settleWrites(request);
    },

    async find(id) {
      const request = currentRequest();
      if (request && cutOff.has(request)) throw new TemporarilyUnavailable();
      const key = keyOf(id);
      if (model === 'Client' && request) readTokenAhead(storage, issuer, request, { kind: model, id: key });
      const record = await answering(events, readRecord(storage, model, key));
      const payload = record && openRecord(model, key, record, keyRing, id);
      if (!record || !payload) return model === 'Client' && !record ? loadClient(id) : undefined;
      if (model === 'Client') return options.registeredClient(payload);
      if (remembered.has(model)) rememberRecord(key, payload);
      if (request) readOwnerAhead(storage, issuer, request, payload);
      // A code that is being redeemed does not look used yet, so that a parallel request loses in consume() below, where it
      // waits for the winner's answer; oidc-provider's own check would tear it.
      const isJustUsed = typeof payload.consumed === 'number' && nowSeconds() - payload.consumed <= justUsedSeconds;
      if (model === 'AuthorizationCode' && isJustUsed) return { ...payload, consumed: undefined };
      if (model === 'RefreshToken' && request && (await answering(events, rotation.read(request, key, record))))
        return { ...payload, consumed: undefined };
      // Reuse of a refresh token ends its family: without a grace window, too, only after the winner of a race was answered.
      if (model === 'RefreshToken' && isJustUsed) await pause(reuseDelayMs);
      return payload;
    },

    async findByUid(uid) {
      const [record] = await answering(events, storage.find(model, 'uid', keyOf(uid), { limit: 1 }));
      return record && openRecord(model, record.id, record, keyRing);
    },

    async findByUserCode() {
      return undefined; // Device flow is off.
    },

    async consume(id) {
      const key = keyOf(id);
      const request = currentRequest();
      if (request && model === 'RefreshToken' && rotation.isRotating(request, key)) return; // With its successor, at the end.
      const payload = recallRecord(key);
      if (model === 'AuthorizationCode' && payload) requireGrantedResource(payload);
      const startedAt = performance.now();
      const outcome = await answering(events, storage.consume(model, key, nowSeconds()));
      if (outcome === 'consumed') return;
      // Of parallel redemptions the losers come here. For a code that is reuse, and ends what the winner got (RFC 6749
      // section 4.1.2): after a moment, so that the winner's answer is not torn while it is being made.
      if (model === 'AuthorizationCode' && outcome === 'already' && typeof payload?.grantId === 'string') {
        const callMs = performance.now() - startedAt;
        await pause(Math.min(Math.max(reuseDelayMs, reuseDelayCalls * callMs), maxReuseDelayMs));
        await deleteGrant(payload.grantId);
      }
      throw usedBefore(model === 'AuthorizationCode' ? 'authorization code' : model, payload);
    },

    async destroy(id) {
      if (model === 'Grant') return deleteGrant(id);
      // A token that is revoked ends its grant in the same step: no outage in between can leave the other tokens alive.
      const grantId = recallRecord(keyOf(id))?.grantId;
      if (typeof grantId === 'string' && (model === 'RefreshToken' || model === 'AccessToken'))
        return deleteGrant(grantId);
      if (model !== 'Interaction') return answering(events, storage.delete(model, keyOf(id)));
      // An interaction is resumed once: of parallel submissions of one form, one goes on to a code.
      if (!(await answering(events, storage.take(model, keyOf(id)))))
        throw new errors.SessionNotFound('interaction was resumed before');
    },

    revokeByGrantId: deleteGrant,
  };
}
