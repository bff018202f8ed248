/** The keys of a fake identity provider, and every way to sign a token with the wrong one. */
import {
  base64url,
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';

/** Which key signs a token. */
export type SigningMethod =
  | 'provider-key'
  /** A key the provider never published, under the provider's `kid`. */
  | 'foreign-key'
  | 'none'
  /** The two key confusions: HMAC with the provider's public key (SPKI PEM) or with the client's secret. */
  | 'hs256-public-key'
  | 'hs256-client-secret';

/** Signs claims as a token. `header` is merged over `alg` and `kid`. */
export type SignToken = (
  claims: JWTPayload,
  method?: SigningMethod,
  header?: Readonly<Record<string, unknown>>,
) => Promise<string>;

/** A key pair under its thumbprint (RFC 7638). */
export interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function createSigningKey(alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { alg, kid, privateKey, publicKey, publicJwk: { ...jwk, kid, alg, use: 'sig' } };
}

export interface SignerKeys {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** Asked for when a token is to be signed with it: making a key takes a while. */
  readonly foreignPrivateKey: () => Promise<CryptoKey>;
  readonly clientSecret: string;
}

/** @param current asked at each call, so that keys may rotate */
export function createSigner(current: () => SignerKeys): SignToken {
  const encoder = new TextEncoder();
  return async (claims, method = 'provider-key', header = {}) => {
    const { alg, kid, privateKey, publicKey, foreignPrivateKey, clientSecret } = current();
    const signed = (key: CryptoKey | Uint8Array, algorithm: string) =>
      new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid, ...header }).sign(key);
    switch (method) {
      case 'provider-key':
        return signed(privateKey, alg);
      case 'foreign-key':
        return signed(await foreignPrivateKey(), alg);
      case 'none':
        // jose's UnsecuredJWT takes no kid.
        return `${base64url.encode(JSON.stringify({ alg: 'none', kid, ...header }))}.${base64url.encode(JSON.stringify(claims))}.`;
      case 'hs256-public-key':
        return signed(encoder.encode(await exportSPKI(publicKey)), 'HS256');
      case 'hs256-client-secret':
        return signed(encoder.encode(clientSecret), 'HS256');
    }
  };
}
