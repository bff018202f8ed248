/** Why a refresh request is refused before the token is used up. */
export type RefreshProblem = 'resource_not_granted' | 'several_resources';

/**
 * Checks the resource of a refresh request against the token's (RFC 8707 section 2.2). Runs before rotation, so that a
 * refused request burns no token.
 */
export function checkRefreshResource(requested: unknown, granted: unknown): RefreshProblem | undefined {
  if (requested === undefined) return undefined;
  if (Array.isArray(requested)) return 'several_resources';
  const allowed = Array.isArray(granted) ? granted : [granted];
  return allowed.includes(requested) ? undefined : 'resource_not_granted';
}
