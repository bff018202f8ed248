import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { users } from './operations.ts';

/** What peers that verify signatures are given: a key and tokens under it. */
export interface SignedTokens {
  readonly settings: { readonly publicKey: JWK; readonly issuer: string; readonly audience: string };
  /** A token for each user. */
  readonly sign: () => Promise<string[]>;
}

export const issuer = 'https://issuer.bench.test/';
export const audience = 'https://resource.bench.test/mcp';

export async function createSignedTokens(): Promise<SignedTokens> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' };
  const sign = (index: number) =>
    new SignJWT({ client_id: `client-${index}`, scope: 'mcp:tools', jti: `token-${index}` })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(issuer)
      .setSubject(`user-${index}`)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(privateKey);
  return {
    settings: { publicKey: jwk, issuer, audience },
    sign: () => Promise.all(Array.from({ length: users }, (_, index) => sign(index))),
  };
}
