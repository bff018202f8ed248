import { errors } from 'oidc-provider';
import { currentRequest } from '../shared/current-request.ts';
import {
  describeProblem,
  type GrantAllowance,
  narrowClientMetadata,
  selfService,
  withoutOperatorGrants,
} from './client-metadata.ts';
import { describeDocumentProblem } from './metadata-document.ts';
import type { RedirectPolicy } from './redirect-uri.ts';
import { normalizeRegistration } from './registration.ts';

/** The rules for client metadata under one redirect policy. */
export interface ClientChecks {
  /** oidc-provider's metadata hook: narrows in place. @throws InvalidClientMetadata with a public description */
  check(metadata: Record<string, unknown>): void;
  /** What is wrong with the content of a metadata document; undefined where nothing is. */
  documentProblem(document: Readonly<Record<string, unknown>>): string | undefined;
  /** A client as its registration lies in the store, without what no registration gives. */
  registered(metadata: Readonly<Record<string, unknown>>): Record<string, unknown>;
  /** A registration request in form, or its public refusal. */
  normalize(body: Record<string, unknown>): { metadata: Record<string, unknown> } | { refusal: string };
}

/** Which grants beside self-service there are: for clients of the operator and by metadata documents, never by registration. */
export interface GrantPolicy {
  /** Whether ID-JAGs are redeemed. */
  readonly jwtBearer: boolean;
  /** Whether clients without authentication may redeem them. */
  readonly publicJwtBearer: boolean;
}

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** An operator's client: whoever cannot authenticate gets no token on its own (RFC 6749 section 4.4). */
function operatorAllowance(method: unknown, policy: GrantPolicy): GrantAllowance {
  const isPublic = method === 'none';
  const mayRedeem = policy.jwtBearer && (!isPublic || policy.publicJwtBearer);
  return {
    grants: [...(isPublic ? [] : ['client_credentials']), ...(mayRedeem ? [jwtBearer] : [])],
    mayStandAlone: true,
  };
}

/** A client by metadata document: only with a key of its own, unless the operator wants public ones (ID-JAG draft, Client Authentication). */
function documentAllowance(method: unknown, policy: GrantPolicy): GrantAllowance {
  const mayRedeem = policy.jwtBearer && (method === 'private_key_jwt' || policy.publicJwtBearer);
  return mayRedeem ? { grants: [jwtBearer], mayStandAlone: false } : selfService;
}

/** What is wrong with metadata given in the options; undefined where nothing is. Its grants were looked at before. */
export function describeClientProblem(
  metadata: Record<string, unknown>,
  allowedSchemes: readonly string[],
): string | undefined {
  const allowance = { grants: ['client_credentials', jwtBearer], mayStandAlone: true };
  const problem = narrowClientMetadata(metadata, { allowedSchemes }, allowance);
  return problem && describeProblem(problem);
}

const isDocument = ({ client_id: clientId }: Record<string, unknown>) =>
  typeof clientId === 'string' && clientId.startsWith('https://');

/**
 * A document that offers both a key and none (ChatGPT) may use either: which one, this request shows by bringing an
 * assertion or not. The method of the code redemption binds every refresh.
 */
function chooseAuthMethod(metadata: Record<string, unknown>): void {
  const offered = metadata.token_endpoint_auth_methods_supported;
  if (!isDocument(metadata) || !Array.isArray(offered) || !offered.includes('none')) return;
  const oidc = currentRequest()?.oidc;
  const isAuthenticating = oidc?.route === 'token' || oidc?.route === 'revocation' || oidc?.route === 'introspection';
  if (!isAuthenticating || oidc?.params?.client_assertion !== undefined) return;
  metadata.token_endpoint_auth_method = 'none';
  delete metadata.token_endpoint_auth_signing_alg; // Refused beside none.
}

export function createClientChecks(policy: RedirectPolicy, grants: GrantPolicy): ClientChecks {
  /** Registrations lost what is above self-service before they come here: see `normalize` and `registered`. */
  function allowanceOf(metadata: Record<string, unknown>): GrantAllowance {
    const method = metadata.token_endpoint_auth_method;
    return isDocument(metadata) ? documentAllowance(method, grants) : operatorAllowance(method, grants);
  }

  return {
    check(metadata) {
      chooseAuthMethod(metadata);
      const problem = narrowClientMetadata(metadata, policy, allowanceOf(metadata));
      if (problem) throw new errors.InvalidClientMetadata(describeProblem(problem));
    },
    registered: withoutOperatorGrants,
    documentProblem: (document) => describeDocumentProblem(document, policy),
    normalize(body) {
      const { metadata, problem } = normalizeRegistration(body, policy);
      return problem ? { refusal: describeProblem(problem) } : { metadata };
    },
  };
}
