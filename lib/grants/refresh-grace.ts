import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { createRandomBytes } from '../shared/random-bytes.ts';
import { recordId } from '../shared/record-ids.ts';
import type { RecordWrite, Storage } from '../storage/storage.ts';

/**
 * The grace window of refresh token rotation: parallel and repeated refreshes of one token within it get the same
 * successor, on every replica, while reuse outside it still ends the family (RFC 9700 section 4.14.2).
 *
 * The token that is used up names the answer that came of it; the answer lies sealed in a record of its own, which ends
 * soon after the window. Both are written together with the successor, so there is no moment in which one of them is
 * there and the others are not. The use of the successor closes the window early.
 */
export interface RefreshGrace {
  /** An answer as it is kept for the others, to be written with the successor. */
  keep(answer: RefreshAnswer, grantId: string): { readonly answerId: string; readonly write: RecordWrite };
  /** Whether a token that was used up then is still inside its window. */
  isWithin(usedAt: number): boolean;
  /** @returns undefined where there is none any more; without `answer` where it cannot be read with the keys of this process */
  find(answerId: string): Promise<{ readonly answer?: RefreshAnswer } | undefined>;
  /** Whether the refresh token of an answer was not used yet. */
  isUnused(answer: RefreshAnswer): Promise<boolean>;
}

/** The token response (RFC 6749 section 5.1) with the time it was made. */
export interface RefreshAnswer {
  readonly body: Readonly<Record<string, unknown>>;
  /** UNIX seconds. */
  readonly issuedAt: number;
}

const kind = 'RefreshAnswer';
/** An answer outlives its window by this much, for replicas whose clocks differ. */
const marginSeconds = 10;

/** 144 bits, which nobody has to guess: the record's content is sealed for it. */
const nextBytes = createRandomBytes(18);

const nowSeconds = () => Math.floor(Date.now() / 1000);

export function createRefreshGrace(
  storage: Storage,
  issuer: Issuer,
  keyRing: KeyRing,
  graceSeconds: number,
): RefreshGrace {
  return {
    keep(answer, grantId) {
      const answerId = `${issuer.tag}:${nextBytes().toString('base64url')}`;
      const value = { answer: keyRing.seal(answerId, JSON.stringify(answer)) };
      const options = { grantId, expiresAt: nowSeconds() + graceSeconds + marginSeconds };
      return { answerId, write: { kind, id: answerId, value, options } };
    },

    isWithin: (usedAt) => nowSeconds() - usedAt <= graceSeconds,

    async find(answerId) {
      const record = await storage.get(kind, answerId);
      if (!record) return undefined;
      const { answer } = record.value;
      const opened = typeof answer === 'string' ? keyRing.open(answerId, answer) : undefined;
      return opened === undefined ? {} : { answer: JSON.parse(opened) as RefreshAnswer };
    },

    async isUnused({ body }) {
      if (typeof body.refresh_token !== 'string') return false;
      const successor = await storage.get('RefreshToken', recordId(issuer, body.refresh_token));
      return successor !== undefined && successor.consumedAt === undefined && successor.value.rotation === undefined;
    },
  };
}
