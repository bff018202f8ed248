import { randomUUID } from 'node:crypto';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import { compareAndDelete } from '../storage/compare-and-delete.ts';
import type { Storage, StoredRecord } from '../storage/storage.ts';

/**
 * The grace window of refresh token rotation: parallel and repeated refreshes of one token within it get the same
 * successor, on every replica, while reuse outside it still ends the family (RFC 9700 section 4.14.2).
 *
 * The first request claims the token by create-if-absent, rotates it and leaves its sealed answer beside the claim. The
 * others compare what they ask for with the claim's binding and wait for that answer. A claim whose holder died can be
 * taken over after a lease; should that holder be alive after all, the first answer is the only one: it, too, is created
 * only where there is none. The use of the successor closes the window early.
 */
export interface RefreshGrace {
  /** @returns how this request goes on with the token */
  claim(request: RefreshRequest): Promise<RefreshClaim>;
  /** Stores the answer for the others. @returns false where another one is there: this one must not be given */
  complete(held: HeldClaim, answer: RefreshAnswer): Promise<boolean>;
  /** The rotation failed before the token was used up: the next request may try. A claim that was taken over stays. */
  release(held: HeldClaim): Promise<void>;
  /** Waits a bounded time for the holder's answer. @returns undefined where there is none yet */
  answer(claimId: string): Promise<RefreshAnswer | undefined>;
  /** Whether a used token is still inside its window, and its successor unused. */
  isOpen(tokenId: string): Promise<boolean>;
}

export interface RefreshRequest {
  /** Storage id of the refresh token. */
  readonly tokenId: string;
  /** Storage id of the grant: its end ends the claim. */
  readonly grantId: string;
  /** Client, resource, scope and key of the request, in one canonical text. */
  readonly binding: string;
}

export interface HeldClaim {
  readonly claimId: string;
  readonly grantId: string;
  /** Tells this holder from one that takes the claim over. */
  readonly holder: string;
  /** An earlier holder died: the token may be used up already. */
  readonly isTakeover: boolean;
}

export type RefreshClaim =
  | { readonly kind: 'held'; readonly held: HeldClaim }
  | { readonly kind: 'wait'; readonly claimId: string }
  /** Another client, resource, scope or key asks inside the window: refused, and nobody is harmed. */
  | { readonly kind: 'mismatch' };

/** The token response (RFC 6749 section 5.1) with the time it was made. */
export interface RefreshAnswer {
  readonly body: Record<string, unknown>;
  /** UNIX seconds. */
  readonly issuedAt: number;
}

const kind = 'RefreshClaim';
const answerKind = 'RefreshAnswer';
/** A holder that has not answered after this long is taken for dead. */
const leaseSeconds = 10;
const waitMs = 3000;
const pollMs = 25;

const nowSeconds = () => Math.floor(Date.now() / 1000);

export function createRefreshGrace(
  storage: Storage,
  issuer: Issuer,
  keyRing: KeyRing,
  graceSeconds: number,
): RefreshGrace {
  const claimIdOf = (tokenId: string) => recordId(issuer, `refresh ${tokenId}`);
  /** The lease is added, so that a takeover near the window's end still has its claim. */
  const write = (grantId: string) => ({ grantId, expiresAt: nowSeconds() + graceSeconds + leaseSeconds });

  function isWithinWindow({ value }: StoredRecord): boolean {
    return typeof value.claimedAt === 'number' && nowSeconds() - value.claimedAt <= graceSeconds;
  }

  async function claim(request: RefreshRequest): Promise<RefreshClaim> {
    const claimId = claimIdOf(request.tokenId);
    const now = nowSeconds();
    const holder = randomUUID();
    const held: HeldClaim = { claimId, grantId: request.grantId, holder, isTakeover: false };
    const value = { binding: request.binding, claimedAt: now, heldAt: now, holder };
    if (await storage.create(kind, claimId, value, write(request.grantId))) return { kind: 'held', held };
    const record = await storage.get(kind, claimId);
    if (record?.value.binding !== request.binding) return { kind: 'mismatch' };
    const isPastLease = now - Number(record.value.heldAt) > leaseSeconds;
    const isAbandoned = isPastLease && (await storage.get(answerKind, claimId)) === undefined;
    const takenOver = { ...value, claimedAt: record.value.claimedAt };
    if (isAbandoned && (await storage.replace(kind, claimId, record.version, takenOver, write(request.grantId)))) {
      return { kind: 'held', held: { ...held, isTakeover: true } };
    }
    return { kind: 'wait', claimId };
  }

  /** A claim with its answer. */
  function read(claimId: string): Promise<(StoredRecord | undefined)[]> {
    return Promise.all([storage.get(kind, claimId), storage.get(answerKind, claimId)]);
  }

  /** Whether the refresh token of an answer was not used yet. */
  async function isUnused({ body }: RefreshAnswer): Promise<boolean> {
    if (typeof body.refresh_token !== 'string') return false;
    const successor = await storage.get('RefreshToken', recordId(issuer, body.refresh_token));
    return successor !== undefined && successor.consumedAt === undefined;
  }

  function openAnswer(claimId: string, { value }: StoredRecord): RefreshAnswer | undefined {
    const opened = typeof value.answer === 'string' ? keyRing.open(claimId, value.answer) : undefined;
    return opened === undefined ? undefined : (JSON.parse(opened) as RefreshAnswer);
  }

  return {
    claim,

    complete: ({ claimId, grantId }, answer) =>
      storage.create(answerKind, claimId, { answer: keyRing.seal(claimId, JSON.stringify(answer)) }, write(grantId)),

    async release({ claimId, holder }) {
      const record = await storage.get(kind, claimId);
      if (record?.value.holder === holder) await compareAndDelete(storage, kind, claimId, record.version);
    },

    async answer(claimId) {
      for (const deadline = Date.now() + waitMs; ; ) {
        const [claimed, answered] = await read(claimId);
        if (!claimed) return undefined;
        const answer = answered && openAnswer(claimId, answered);
        if (answer || Date.now() > deadline) return answer;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },

    async isOpen(tokenId) {
      const claimId = claimIdOf(tokenId);
      const [claimed, answered] = await read(claimId);
      if (!claimed || !isWithinWindow(claimed)) return false;
      const answer = answered && openAnswer(claimId, answered);
      // Without an answer the successor is still being made.
      return answer === undefined || isUnused(answer);
    },
  };
}
