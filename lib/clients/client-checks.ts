import { errors } from 'oidc-provider';
import { currentRequest } from '../shared/current-request.ts';
import { describeProblem, narrowClientMetadata } from './client-metadata.ts';
import { describeDocumentProblem } from './metadata-document.ts';
import type { RedirectPolicy } from './redirect-uri.ts';
import { normalizeRegistration } from './registration.ts';

/** The rules for client metadata under one redirect policy. */
export interface ClientChecks {
  /** oidc-provider's metadata hook: narrows in place. @throws InvalidClientMetadata with a public description */
  check(metadata: Record<string, unknown>): void;
  /** What is wrong with the content of a metadata document; undefined where nothing is. */
  documentProblem(document: Readonly<Record<string, unknown>>): string | undefined;
  /** A registration request in form, or its public refusal. */
  normalize(body: Record<string, unknown>): { metadata: Record<string, unknown> } | { refusal: string };
}

/** What is wrong with metadata given in the options; undefined where nothing is. */
export function describeClientProblem(
  metadata: Record<string, unknown>,
  allowedSchemes: readonly string[],
): string | undefined {
  const problem = narrowClientMetadata(metadata, { allowedSchemes });
  return problem && describeProblem(problem);
}

/**
 * A document that offers both a key and none (ChatGPT) may use either: which one, this request shows by bringing an
 * assertion or not. The method of the code redemption binds every refresh.
 */
function chooseAuthMethod(metadata: Record<string, unknown>): void {
  const offered = metadata.token_endpoint_auth_methods_supported;
  const isDocument = typeof metadata.client_id === 'string' && metadata.client_id.startsWith('https://');
  if (!isDocument || !Array.isArray(offered) || !offered.includes('none')) return;
  const oidc = currentRequest()?.oidc;
  const isAuthenticating = oidc?.route === 'token' || oidc?.route === 'revocation' || oidc?.route === 'introspection';
  if (!isAuthenticating || oidc?.params?.client_assertion !== undefined) return;
  metadata.token_endpoint_auth_method = 'none';
  delete metadata.token_endpoint_auth_signing_alg; // Refused beside none.
}

export function createClientChecks(policy: RedirectPolicy): ClientChecks {
  return {
    check(metadata) {
      const problem = narrowClientMetadata(metadata, policy);
      if (problem) throw new errors.InvalidClientMetadata(describeProblem(problem));
      chooseAuthMethod(metadata);
    },
    documentProblem: (document) => describeDocumentProblem(document, policy),
    normalize(body) {
      const { metadata, problem } = normalizeRegistration(body, policy);
      return problem ? { refusal: describeProblem(problem) } : { metadata };
    },
  };
}
