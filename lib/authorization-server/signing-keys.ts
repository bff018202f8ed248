import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import { type SealedKind, sealedIndex } from '../shared/sealed-records.ts';
import type { Storage, WriteOptions } from '../storage/storage.ts';

const kind = 'SigningKeys';

export const sealedSigningKeys: SealedKind = { kind, member: 'keys', boundTo: (id) => id };

/** How long a new key is published before it signs: every process and every verifier's cache has seen it by then. */
export const publishSeconds = 600;

/** A key with the time from which it signs, until the next one does. */
interface StoredKey {
  readonly jwk: JWK;
  /** UNIX seconds. */
  readonly signsFrom: number;
}

const nowSeconds = () => Math.floor(Date.now() / 1000);

async function generateSigningKey(signsFrom: number): Promise<StoredKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }, signsFrom };
}

/** The value and the options of a write. */
function sealed(id: string, keys: readonly StoredKey[], keyRing: KeyRing): [{ keys: string }, WriteOptions] {
  const text = keyRing.seal(id, JSON.stringify(keys));
  return [{ keys: text }, { index: sealedIndex(id, text) }];
}

function open(id: string, value: Readonly<Record<string, unknown>>, keyRing: KeyRing): StoredKey[] {
  const opened = typeof value.keys === 'string' ? keyRing.open(id, value.keys) : undefined;
  if (opened !== undefined) return JSON.parse(opened) as StoredKey[];
  throw new Error(
    'the signing keys in storage were sealed with another secret: give the previous one as second entry of the option secret',
  );
}

/** Newest first; the one that signs now in front. */
function inOrder(keys: readonly StoredKey[], now: number): JWK[] {
  const sorted = [...keys].sort((one, other) => other.signsFrom - one.signsFrom);
  const active = sorted.find(({ signsFrom }) => signsFrom <= now) ?? sorted[0];
  return [...(active ? [active] : []), ...sorted.filter((key) => key !== active)].map(({ jwk }) => jwk);
}

/**
 * The issuer's private signing keys, first the one that signs. Generated once into storage, sealed; of several processes
 * that start together exactly one generates them, and the others read what it wrote.
 * @throws Error where they were sealed under a secret that is not known any more
 */
export async function loadSigningKeys(storage: Storage, issuer: Issuer, keyRing: KeyRing): Promise<readonly JWK[]> {
  const id = recordId(issuer, kind);
  const stored = await storage.get(kind, id);
  if (stored) return inOrder(open(id, stored.value, keyRing), nowSeconds());
  const keys = [await generateSigningKey(nowSeconds())];
  if (await storage.create(kind, id, ...sealed(id, keys, keyRing))) return inOrder(keys, nowSeconds());
  return loadSigningKeys(storage, issuer, keyRing);
}

/** When the keys of an issuer were made to sign. */
export interface KeyTimes {
  /** Of the key that signs now, UNIX seconds. */
  readonly activeSince: number;
}

/** @returns undefined where there are no keys yet @throws Error where they were sealed under another secret */
export async function readKeyTimes(
  storage: Storage,
  issuer: Issuer,
  keyRing: () => Promise<KeyRing>,
): Promise<KeyTimes | undefined> {
  const id = recordId(issuer, kind);
  const stored = await storage.get(kind, id);
  if (!stored) return undefined;
  const times = open(id, stored.value, await keyRing()).map(({ signsFrom }) => signsFrom);
  const active = times.filter((signsFrom) => signsFrom <= nowSeconds());
  return { activeSince: Math.max(...(active.length > 0 ? active : times)) };
}

export interface RotationRule {
  /** Rotates only where the newest key is older than this; 0 rotates now. */
  readonly minAgeSeconds: number;
  /** How long a replaced key is still published: the longest life of a token that it signed. */
  readonly keepSeconds: number;
}

/**
 * Adds a key that signs after {@link publishSeconds}, and drops replaced ones whose last token has ended. Compare-and-set:
 * of several processes one rotates.
 * @returns whether this call did
 */
export async function rotateSigningKeys(
  storage: Storage,
  issuer: Issuer,
  keyRing: KeyRing,
  rule: RotationRule,
): Promise<boolean> {
  const id = recordId(issuer, kind);
  const stored = await storage.get(kind, id);
  if (!stored) return false;
  const now = nowSeconds();
  const sorted = open(id, stored.value, keyRing).sort((one, other) => other.signsFrom - one.signsFrom);
  const newest = sorted[0]?.signsFrom ?? 0;
  if (newest > now || now - newest < rule.minAgeSeconds) return false;
  // A key is replaced when the next newer one begins to sign.
  const kept = sorted.filter((_, index) => index === 0 || (sorted[index - 1]?.signsFrom ?? 0) + rule.keepSeconds > now);
  const keys = [await generateSigningKey(now + publishSeconds), ...kept];
  return storage.replace(kind, id, stored.version, ...sealed(id, keys, keyRing));
}

export interface KeyRotationOptions {
  readonly storage: Storage;
  readonly keyRing: () => Promise<KeyRing>;
  /** Builds an issuer's provider, which makes its first key. */
  readonly provider: (issuer: Issuer) => Promise<unknown>;
  /** See {@link RotationRule}. */
  readonly keepSeconds: number;
}

/** A rotation that the operator asks for. @returns whether this call did it */
export function createKeyRotation({ storage, keyRing, provider, keepSeconds }: KeyRotationOptions) {
  return async (issuer: Issuer): Promise<boolean> => {
    await provider(issuer);
    return rotateSigningKeys(storage, issuer, await keyRing(), { minAgeSeconds: 0, keepSeconds });
  };
}

/** A signing key as an operator sees it. */
export interface ListedKey {
  readonly kid: string;
  readonly alg: string;
  /** `next`: published, and not signing yet; `kept`: replaced, until its last token has ended. */
  readonly state: 'signs' | 'next' | 'kept';
  /** UNIX seconds. */
  readonly signsFrom: number;
}

/** Lists an issuer's keys without their private parts. */
export function createKeyList({ storage, keyRing, provider }: Omit<KeyRotationOptions, 'keepSeconds'>) {
  return async (issuer: Issuer): Promise<ListedKey[]> => {
    await provider(issuer);
    const id = recordId(issuer, kind);
    const stored = await storage.get(kind, id);
    const keys = stored ? open(id, stored.value, await keyRing()) : [];
    const [active] = inOrder(keys, nowSeconds());
    return [...keys]
      .sort((one, other) => other.signsFrom - one.signsFrom)
      .map(({ jwk, signsFrom }) => {
        const state = jwk.kid === active?.kid ? 'signs' : signsFrom > nowSeconds() ? 'next' : 'kept';
        return { kid: String(jwk.kid), alg: String(jwk.alg), state, signsFrom };
      });
  };
}
