import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { type CookieSigner, createCookieSigner } from './cookie-signer.ts';
import { createRandomBytes } from './random-bytes.ts';

/** Keys derived from `secret` (RFC 5869). The first secret seals and signs; all of them open and verify. */
export interface KeyRing {
  /** Names of the keys in sealed texts, the newest first. */
  readonly keyIds: readonly string[];
  /** Signatures of oidc-provider's cookies. */
  readonly cookies: CookieSigner;
  /** AES-256-GCM under the newest key; `recordId` is bound as associated data. */
  seal(recordId: string, plaintext: string): string;
  /** @returns undefined where the text was sealed by an unknown key, for another record, or was altered */
  open(recordId: string, sealed: string): string | undefined;
  /** 32 bytes for one purpose, from the newest secret. */
  derive(purpose: string): Buffer;
  /** HMAC-SHA256, base64url, under a key of this purpose. */
  sign(purpose: string, text: string): string;
  verify(purpose: string, text: string, signature: string): boolean;
}

interface DerivedKey {
  readonly id: string;
  readonly encryption: KeyObject;
  readonly signing: KeyObject;
  readonly cookie: KeyObject;
}

function derive(secret: string): DerivedKey {
  const expand = (info: string) => Buffer.from(hkdfSync('sha256', secret, 'express-mcp-auth', info, 32));
  return {
    id: expand('key id').toString('base64url').slice(0, 8),
    encryption: createSecretKey(expand('encryption')),
    signing: createSecretKey(expand('signing')),
    cookie: createSecretKey(expand('cookies')),
  };
}

/** 96 bits (NIST SP 800-38D section 8.2.2). */
const nextNonce = createRandomBytes(12);

/** Timing-safe comparison of two texts of any length. */
export function equalTexts(left: string, right: string): boolean {
  return timingSafeEqual(hash('sha256', left, 'buffer'), hash('sha256', right, 'buffer'));
}

/** Which key sealed a text; undefined where it is none that {@link KeyRing.seal} made. */
export function keyIdOf(sealed: string): string | undefined {
  const [version, keyId, text] = sealed.split('.', 3);
  return version === '1' && text !== undefined ? keyId : undefined;
}

export function createKeyRing(secrets: readonly [string, ...string[]]): KeyRing {
  const keys = secrets.map(derive) as [DerivedKey, ...DerivedKey[]];
  const [current] = keys;
  const sign = (key: DerivedKey, purpose: string, text: string) =>
    createHmac('sha256', key.signing).update(`${purpose}\n${text}`).digest('base64url');
  return {
    keyIds: keys.map(({ id }) => id),
    cookies: createCookieSigner([current.cookie, ...keys.slice(1).map(({ cookie }) => cookie)]),
    seal(recordId, plaintext) {
      const nonce = nextNonce();
      const cipher = createCipheriv('aes-256-gcm', current.encryption, nonce).setAAD(Buffer.from(recordId));
      const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `1.${current.id}.${sealed.toString('base64url')}`;
    },
    open(recordId, sealed) {
      const [version, keyId, text, ...rest] = sealed.split('.');
      const key = keys.find((candidate) => candidate.id === keyId);
      if (version !== '1' || !key || text === undefined || rest.length > 0) return undefined;
      const bytes = Buffer.from(text, 'base64url');
      // Node passes over characters that are not base64url, so one text is accepted, not many.
      if (bytes.length < 28 || bytes.toString('base64url') !== text) return undefined;
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.encryption, bytes.subarray(0, 12), { authTagLength: 16 });
        decipher.setAAD(Buffer.from(recordId)).setAuthTag(bytes.subarray(-16));
        return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
      } catch {
        return undefined;
      }
    },
    derive: (purpose) => createHmac('sha256', current.signing).update(`derive\n${purpose}`).digest(),
    sign: (purpose, text) => sign(current, purpose, text),
    verify: (purpose, text, signature) => keys.some((key) => equalTexts(sign(key, purpose, text), signature)),
  };
}
