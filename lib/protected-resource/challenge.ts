import type { ServerResponse } from 'node:http';
import { sendJson } from '../shared/http.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Resource } from '../shared/resources.ts';

/** Path of a resource's metadata (RFC 9728 section 3.1). */
export function resourceMetadataPath(resource: Resource): string {
  return `/.well-known/oauth-protected-resource${resource.path === '/' ? '' : resource.path}`;
}

export interface Challenge {
  readonly status: 400 | 401 | 403;
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | 'invalid_dpop_proof' | 'use_dpop_nonce';
  readonly description?: string;
  /** Algorithms of DPoP proofs, where they are accepted (RFC 9449 section 7.1). */
  readonly dpopAlgorithms?: readonly string[];
  /** Scopes that would do; all of the operation at once (MCP 2026-07-28, Scope Challenge Handling). */
  readonly scopes: readonly string[];
}

/** Answers with a challenge (RFC 6750 section 3, RFC 9728 section 5.1). Every value comes from us and needs no escaping. */
export function sendChallenge(res: ServerResponse, issuer: Issuer, resource: Resource, challenge: Challenge): void {
  const parameters = [
    ...(challenge.error !== undefined ? [`error="${challenge.error}"`] : []),
    ...(challenge.description !== undefined ? [`error_description="${challenge.description}"`] : []),
    `scope="${challenge.scopes.join(' ')}"`,
    `resource_metadata="${issuer.origin}${resourceMetadataPath(resource)}"`,
  ];
  const isAboutProof = challenge.error === 'invalid_dpop_proof' || challenge.error === 'use_dpop_nonce';
  const bearer = `Bearer ${parameters.join(', ')}`;
  const dpop =
    challenge.dpopAlgorithms && `DPoP ${[...parameters, `algs="${challenge.dpopAlgorithms.join(' ')}"`].join(', ')}`;
  if (!dpop) res.setHeader('www-authenticate', bearer);
  else res.setHeader('www-authenticate', isAboutProof ? dpop : [bearer, dpop]);
  const body = {
    error: challenge.error ?? 'invalid_token',
    error_description: challenge.description ?? 'a bearer token is required',
  };
  sendJson(res, challenge.status, body);
}
