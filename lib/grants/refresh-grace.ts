import { randomUUID } from 'node:crypto';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage, StoredRecord } from '../storage/storage.ts';

/**
 * The grace window of refresh token rotation: parallel and repeated refreshes of one token within it get the same
 * successor, on every replica, while reuse outside it still ends the family (RFC 9700 section 4.14.2).
 *
 * The first request claims the token by create-if-absent, rotates it and leaves its sealed answer in the claim. The others
 * compare what they ask for with the claim's binding and wait for that answer. The claim is deleted when the successor is
 * used, which closes the window early. A claim whose holder died can be taken over after a lease.
 */
export interface RefreshGrace {
  /** @returns how this request goes on with the token */
  claim(request: RefreshRequest): Promise<RefreshClaim>;
  /** Stores the answer for the others. @returns false where the claim was taken over: this answer must not be given */
  complete(held: HeldClaim, answer: RefreshAnswer): Promise<boolean>;
  /** The rotation failed before the token was used up: the next request may try. */
  release(held: HeldClaim): Promise<void>;
  /** Waits a bounded time for the holder's answer. @returns undefined where there is none yet */
  answer(claimId: string): Promise<RefreshAnswer | undefined>;
  /** Whether a used token is still inside its window. */
  isOpen(tokenId: string): Promise<boolean>;
}

export interface RefreshRequest {
  /** Storage id of the refresh token. */
  readonly tokenId: string;
  /** Storage id of the token that this one succeeded: its window closes now. */
  readonly previousTokenId: string | undefined;
  /** Storage id of the grant: its end ends the claim. */
  readonly grantId: string;
  /** Client, resource, scope and key of the request, in one canonical text. */
  readonly binding: string;
}

export interface HeldClaim {
  readonly claimId: string;
  /** Names this request as the holder: one that was taken over must not write any more. */
  readonly holder: string;
  readonly grantId: string;
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

  async function close(claimId: string, grantId: string): Promise<void> {
    await storage.put(kind, claimId, { closed: true }, write(grantId));
  }

  async function claim(request: RefreshRequest): Promise<RefreshClaim> {
    const claimId = claimIdOf(request.tokenId);
    const now = nowSeconds();
    const held: HeldClaim = { claimId, holder: randomUUID(), grantId: request.grantId, isTakeover: false };
    const value = { binding: request.binding, claimedAt: now, heldAt: now, holder: held.holder };
    if (await storage.create(kind, claimId, value, write(request.grantId))) {
      // Closed, not deleted: a replay that is past its own look-up must find that the claim was made before.
      if (request.previousTokenId !== undefined) await close(claimIdOf(request.previousTokenId), request.grantId);
      return { kind: 'held', held };
    }
    const record = await storage.get(kind, claimId);
    if (record?.value.binding !== request.binding) return { kind: 'mismatch' };
    const isAbandoned = record.value.answer === undefined && now - Number(record.value.heldAt) > leaseSeconds;
    const takenOver = { ...value, claimedAt: record.value.claimedAt };
    if (isAbandoned && (await storage.replace(kind, claimId, record.version, takenOver, write(request.grantId)))) {
      return { kind: 'held', held: { ...held, isTakeover: true } };
    }
    return { kind: 'wait', claimId };
  }

  function openAnswer(claimId: string, { value }: StoredRecord): RefreshAnswer | undefined {
    const opened = typeof value.answer === 'string' ? keyRing.open(claimId, value.answer) : undefined;
    return opened === undefined ? undefined : (JSON.parse(opened) as RefreshAnswer);
  }

  return {
    claim,

    async complete({ claimId, holder, grantId }, answer) {
      const record = await storage.get(kind, claimId);
      if (record?.value.holder !== holder) return false;
      const { binding, claimedAt, heldAt } = record.value;
      const value = { binding, claimedAt, heldAt, holder, answer: keyRing.seal(claimId, JSON.stringify(answer)) };
      return storage.replace(kind, claimId, record.version, value, write(grantId));
    },

    release: ({ claimId }) => storage.delete(kind, claimId),

    async answer(claimId) {
      for (const deadline = Date.now() + waitMs; ; ) {
        const record = await storage.get(kind, claimId);
        if (!record) return undefined;
        const answer = openAnswer(claimId, record);
        if (answer || Date.now() > deadline) return answer;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
    },

    async isOpen(tokenId) {
      const record = await storage.get(kind, claimIdOf(tokenId));
      return record !== undefined && isWithinWindow(record);
    },
  };
}
