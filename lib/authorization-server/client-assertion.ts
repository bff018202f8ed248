import { errors } from 'oidc-provider';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { Issuer } from '../shared/issuer.ts';

/** Its id is kept until it ends, so that it is used once: whoever signs for himself must not choose for how long. */
const longestLifetimeSeconds = 86_400;
const clockToleranceSeconds = 60;

/**
 * What oidc-provider leaves open in a client assertion whose signature is good (RFC 7523 section 3). It also accepts
 * audiences derived from the request; here an assertion is for this server only.
 * @throws InvalidClientAuth
 */
export function checkClientAssertion(
  { aud, exp, iat }: Readonly<Record<string, unknown>>,
  issuer: Issuer,
  paths: EndpointPaths,
): void {
  const own = [issuer.identifier, `${issuer.identifier}${paths.token}`];
  const named = Array.isArray(aud) ? aud : [aud];
  if (!named.some((value) => own.includes(value)))
    throw new errors.InvalidClientAuth('assertion audience is not this server');
  const now = Math.floor(Date.now() / 1000);
  if (typeof exp !== 'number' || exp > now + longestLifetimeSeconds)
    throw new errors.InvalidClientAuth('assertion ends too late');
  if (iat !== undefined && (typeof iat !== 'number' || iat > now + clockToleranceSeconds))
    throw new errors.InvalidClientAuth('assertion is from the future');
}
