import { currentRequest } from '../shared/current-request.ts';
import type { RecordWrite } from '../storage/storage.ts';

interface Write {
  readonly done: Promise<void>;
  readonly undo: (() => Promise<void>) | undefined;
}

/**
 * Writes of one token request that need not wait for each other: they go to the store together, and the last one waits
 * for all of them, so that no token is given out before everything about it is written.
 */
const begun = new WeakMap<object, Write[]>();

/**
 * Begins a write that {@link settleWrites} waits for. Its failure is told there.
 * @param undo where it may have happened while another one failed
 */
export function beginWrite(request: object, done: Promise<void>, undo?: () => Promise<void>): void {
  done.catch(() => undefined);
  const writes = begun.get(request) ?? [];
  writes.push({ done, undo });
  begun.set(request, writes);
}

/**
 * Waits for every write that was begun, also where one fails: after its answer nothing of a request happens any more.
 * Rejects as the first that failed, with the others undone where the store lets it: nobody knows those tokens.
 */
export async function settleWrites(request: object | undefined = currentRequest()): Promise<void> {
  const writes = request && begun.get(request);
  if (!writes || !request) return;
  begun.delete(request);
  const outcomes = await Promise.allSettled(writes.map(({ done }) => done));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failed) return;
  await Promise.allSettled(writes.map(({ undo }) => undo?.()));
  throw failed.reason;
}

interface TokenRequest {
  readonly oidc?: {
    readonly params?: Readonly<Record<string, unknown>>;
    readonly client?: { grantTypeAllowed(grantType: string): boolean };
  };
}

/** Whether another token of the same answer is written after this one: the order is oidc-provider's. */
export function isFirstOfPair(model: 'AccessToken' | 'RefreshToken', request: object): boolean {
  const { params, client } = (request as TokenRequest).oidc ?? {};
  if (params?.grant_type !== 'authorization_code') return false;
  return model === 'AccessToken' && client?.grantTypeAllowed('refresh_token') === true;
}

/** Writes of requests whose records are written in one step at their end. */
const collected = new WeakMap<object, RecordWrite[]>();

/** From now on the tokens of this request, and its grant, are only collected. */
export function collectWrites(request: object): void {
  collected.set(request, []);
}

/** @returns false where this request's records are written at once */
export function collectWrite(request: object | undefined, write: RecordWrite): boolean {
  const writes = request && collected.get(request);
  writes?.push(write);
  return writes !== undefined;
}

/** What was collected, once. */
export function takeWrites(request: object): readonly RecordWrite[] {
  const writes = collected.get(request) ?? [];
  collected.delete(request);
  return writes;
}
