import { errors } from 'oidc-provider';
import { describeProblem, narrowClientMetadata } from './client-metadata.ts';
import { normalizeRegistration } from './registration.ts';

/** oidc-provider's metadata hook: narrows in place. @throws InvalidClientMetadata with a public description */
export function checkClientMetadata(metadata: Record<string, unknown>): void {
  const problem = narrowClientMetadata(metadata);
  if (problem) throw new errors.InvalidClientMetadata(describeProblem(problem));
}

/** A registration request in form, or its public refusal. */
export function normalizeRegistrationRequest(
  body: Record<string, unknown>,
): { metadata: Record<string, unknown> } | { refusal: string } {
  const { metadata, problem } = normalizeRegistration(body);
  return problem ? { refusal: describeProblem(problem) } : { metadata };
}
