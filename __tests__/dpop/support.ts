import { createHash, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A client's DPoP key and the proofs it makes. */
export interface DpopKey {
  readonly jwk: JWK;
  /** A proof for one request; members and header can be replaced or left out (`undefined`). */
  proof(
    request: { method: string; url: string; token?: string; nonce?: string | undefined },
    changes?: { claims?: Record<string, unknown>; header?: Record<string, unknown> },
  ): Promise<string>;
}

const without = (members: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

export async function createDpopKey(): Promise<DpopKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return {
    jwk,
    proof({ method, url, token, nonce }, { claims = {}, header = {} } = {}) {
      const body = without({
        htm: method,
        htu: url,
        iat: Math.floor(Date.now() / 1000),
        jti: randomUUID(),
        ath: token === undefined ? undefined : createHash('sha256').update(token).digest('base64url'),
        nonce,
        ...claims,
      });
      const head = without({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }) as { alg: string };
      return new SignJWT(body).setProtectedHeader(head).sign(privateKey);
    },
  };
}
