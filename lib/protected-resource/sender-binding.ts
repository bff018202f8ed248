import type { IncomingMessage } from 'node:http';
import type { Issuer } from '../shared/issuer.ts';
import type { AccessToken } from './access-token.ts';
import type { DpopProblem, DpopVerifier } from './dpop.ts';

/** Why a token must not be used the way it was presented (RFC 9449 section 7). */
export type BindingProblem =
  | { readonly reason: 'bound_token_as_bearer' }
  | { readonly reason: 'bearer_token_as_dpop' }
  | { readonly reason: 'dpop_is_off' }
  | { readonly reason: 'proof'; readonly problem: DpopProblem; readonly nonce?: string };

/**
 * Checks that the scheme fits the token and, for a bound one, that the sender holds its key. A bound token is never
 * accepted as Bearer.
 */
export async function checkSenderBinding(
  dpop: DpopVerifier | undefined,
  req: IncomingMessage,
  issuer: Issuer,
  presented: { readonly token: string; readonly scheme: 'Bearer' | 'DPoP' },
  { jkt }: Pick<AccessToken, 'jkt'>,
): Promise<BindingProblem | undefined> {
  if (presented.scheme === 'Bearer') return jkt === undefined ? undefined : { reason: 'bound_token_as_bearer' };
  if (!dpop) return { reason: 'dpop_is_off' };
  if (jkt === undefined) return { reason: 'bearer_token_as_dpop' };
  const problem = await dpop.verify(req, issuer, presented.token, jkt);
  if (problem === undefined) return undefined;
  const nonce = await dpop.nonce();
  return { reason: 'proof', problem, ...(nonce !== undefined && { nonce }) };
}

/** One line for events. */
export function describeBindingProblem(problem: BindingProblem): string {
  return problem.reason === 'proof' ? `DPoP proof: ${problem.problem}` : problem.reason;
}
