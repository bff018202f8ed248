import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { JWK, JWTPayload } from 'jose';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';
import type { DpopNonces } from './dpop-nonces.ts';

/** Asymmetric algorithms of proofs (RFC 9449 section 11.6). */
const dpopAlgorithms = ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA', 'Ed25519'];

/** Why a proof does not show that the sender holds the token's key (RFC 9449 section 4.3). */
export type DpopProblem =
  | 'proof_missing'
  | 'several_proofs'
  | 'malformed'
  | 'signature'
  | 'method'
  | 'url'
  | 'time'
  | 'token_hash'
  | 'replayed'
  | 'other_key'
  | 'nonce';

export interface DpopVerifier {
  /** Algorithms that proofs may be signed with. */
  readonly algorithms: readonly string[];
  /** @returns the problem, or undefined where the proof is good; a good one is used up */
  verify(req: IncomingMessage, issuer: Issuer, token: string, jkt: string): Promise<DpopProblem | undefined>;
  /** A nonce for the next proof (RFC 9449 section 9); undefined where none is asked for. */
  nonce(): Promise<string | undefined>;
}

export interface DpopOptions {
  readonly storage: Storage;
  /** Absent where proofs need no nonce. */
  readonly nonces: DpopNonces | undefined;
}

const toleranceSeconds = 300;
const maxProofLength = 8192;
const kind = 'DPoPProof';
const nowSeconds = () => Math.floor(Date.now() / 1000);

/** Loaded with the first proof: a process without DPoP never does. */
const loadJose = () => import('jose');

/** The one proof of a request, as Node keeps repeated headers apart. */
function readProof(req: IncomingMessage): string | 'proof_missing' | 'several_proofs' | 'malformed' {
  const proofs: string[] = [];
  for (let index = 0; index < req.rawHeaders.length; index += 2) {
    if (req.rawHeaders[index]?.toLowerCase() === 'dpop') proofs.push(req.rawHeaders[index + 1] as string);
  }
  if (proofs.length > 1) return 'several_proofs';
  const [proof] = proofs;
  if (proof === undefined) return 'proof_missing';
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(proof) && proof.length <= maxProofLength ? proof : 'malformed';
}

/** The request's URL as the issuer's origin spells it, without query: `htu` of a client behind any number of proxies. */
function isThisUrl(htu: unknown, req: IncomingMessage, issuer: Issuer): boolean {
  const claimed = typeof htu === 'string' ? URL.parse(htu) : null;
  const target = (req as { originalUrl?: string }).originalUrl ?? req.url ?? '/';
  const own = URL.parse(target, issuer.origin);
  return claimed !== null && own !== null && claimed.origin === issuer.origin && claimed.pathname === own.pathname;
}

async function verifySignature(proof: string): Promise<{ claims: JWTPayload; jwk: JWK } | 'signature' | 'malformed'> {
  const { decodeProtectedHeader, EmbeddedJWK, jwtVerify } = await loadJose();
  try {
    const { jwk } = decodeProtectedHeader(proof);
    if (jwk === undefined || 'd' in jwk || 'k' in jwk) return 'malformed';
    const { payload } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: dpopAlgorithms });
    return { claims: payload, jwk };
  } catch {
    return 'signature';
  }
}

/** Verifies proofs of possession (RFC 9449 section 7). A proof is used once, on every replica. */
export function createDpopVerifier({ storage, nonces }: DpopOptions): DpopVerifier {
  return {
    algorithms: dpopAlgorithms,
    async verify(req, issuer, token, jkt) {
      const proof = readProof(req);
      if (proof === 'proof_missing' || proof === 'several_proofs' || proof === 'malformed') return proof;
      const verified = await verifySignature(proof);
      if (typeof verified === 'string') return verified;
      const { htm, htu, ath, iat, jti, nonce } = verified.claims;
      if (htm !== req.method) return 'method';
      if (!isThisUrl(htu, req, issuer)) return 'url';
      if (typeof iat !== 'number' || Math.abs(nowSeconds() - iat) > toleranceSeconds) return 'time';
      if (ath !== hash('sha256', token, 'base64url')) return 'token_hash';
      if (typeof jti !== 'string' || jti === '' || jti.length > 512) return 'malformed';
      const { calculateJwkThumbprint } = await loadJose();
      if ((await calculateJwkThumbprint(verified.jwk)) !== jkt) return 'other_key';
      if (nonces && !(await nonces.isFresh(nonce))) return 'nonce';
      const expiresAt = iat + 2 * toleranceSeconds;
      return (await storage.create(kind, recordId(issuer, `${jkt} ${jti}`), {}, { expiresAt }))
        ? undefined
        : 'replayed';
    },

    nonce: async () => nonces?.current(),
  };
}
