import { type CompactVerifyGetKey, compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { OAuthError } from '../errors.ts';
import type { Outbound } from '../shared/outbound.ts';
import { createRemoteKeySet } from '../shared/remote-key-set.ts';
import type { IdJagProblem } from './id-jag-problem.ts';
import type { ResolvedIdJagIssuer } from './resolve-id-jag-options.ts';

/** Verifies the algorithm, and then the signature, of an assertion. @returns the problem, or undefined where it is good */
export type SignatureCheck = (assertion: string) => Promise<IdJagProblem | undefined>;

const timeoutMs = 10_000;
const maxResponseBytes = 65_536;

/** Where an issuer's metadata may be (OpenID Connect Discovery section 4, RFC 8414 section 3.1). */
function metadataUrls(identifier: string): string[] {
  const base = identifier.replace(/\/$/, '');
  const { origin, pathname } = new URL(base);
  const inserted = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`;
  return [`${base}/.well-known/openid-configuration`, inserted];
}

async function readJson(outbound: Outbound, url: string, purpose: string): Promise<Readonly<Record<string, unknown>>> {
  const headers = { accept: 'application/json' };
  const response = await outbound.fetch(url, {
    headers,
    timeoutMs,
    maxResponseBytes,
    allowHttpLoopback: true,
    purpose,
  });
  if (response.status !== 200) throw new Error(`${purpose}: status ${response.status}`);
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error(`${purpose}: no JSON object`);
  return body as Record<string, unknown>;
}

/** @throws Error where no metadata can be had that is this issuer's own (RFC 8414 section 3.3) */
async function discoverJwksUrl(identifier: string, outbound: Outbound): Promise<string> {
  let failure: unknown;
  for (const url of metadataUrls(identifier)) {
    try {
      const metadata = await readJson(outbound, url, 'metadata of an ID-JAG issuer');
      if (metadata.issuer !== identifier) throw new Error('metadata of an ID-JAG issuer: of another issuer');
      if (typeof metadata.jwks_uri === 'string') return metadata.jwks_uri;
      throw new Error('metadata of an ID-JAG issuer: no jwks_uri');
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** What jose, or the key set behind it, threw. */
function toProblem(error: unknown): IdJagProblem {
  if (error instanceof OAuthError)
    return { reason: 'keys_unavailable', cause: (error.cause as Error | undefined)?.message ?? error.message };
  switch ((error as { code?: string }).code) {
    case 'ERR_JOSE_ALG_NOT_ALLOWED':
      return { reason: 'algorithm_refused' };
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return { reason: 'signature_invalid' };
    case 'ERR_JWS_INVALID':
      return { reason: 'malformed' };
    default:
      return { reason: 'key_unknown' }; // Also several that would fit, and keys that cannot be used.
  }
}

/** The keys of one issuer. Nothing is fetched before its first assertion. */
export function createSignatureCheck(issuer: ResolvedIdJagIssuer, outbound: Outbound): SignatureCheck {
  const findKey = issuer.jwks
    ? createLocalJWKSet(issuer.jwks as unknown as JSONWebKeySet)
    : createRemoteKeySet(async () => {
        const url = issuer.jwksUrl ?? (await discoverJwksUrl(issuer.issuer, outbound));
        return readJson(outbound, url, 'key set of an ID-JAG issuer');
      });
  const options = { algorithms: [...issuer.algorithms] };
  return async (assertion) => {
    try {
      await compactVerify(assertion, findKey as CompactVerifyGetKey, options);
      return undefined;
    } catch (error) {
      return toProblem(error);
    }
  };
}
