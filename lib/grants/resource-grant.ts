import { OAuthError } from '../errors.ts';
import type { Issuer } from '../shared/issuer.ts';
import { canonicalResource, type Resource, type Resources } from '../shared/resources.ts';

/** What is wrong with the resource or the scope that a client asks for, as RFC 8707 and RFC 6749 tell apart. */
export type TargetProblem =
  | { readonly reason: 'resource_unknown' }
  | { readonly reason: 'resource_not_granted' }
  /** Several come into question, or several were asked for. */
  | { readonly reason: 'resource_needed' }
  | { readonly reason: 'scope_not_granted' };

/** RFC 8707 section 2. */
export function invalidTarget({ reason }: Exclude<TargetProblem, { reason: 'scope_not_granted' }>): OAuthError {
  switch (reason) {
    case 'resource_unknown':
      return new OAuthError('invalid_target', 400, 'resource is not served here');
    case 'resource_not_granted':
      return new OAuthError('invalid_target', 400, 'resource was not granted');
    case 'resource_needed':
      return new OAuthError('invalid_target', 400, 'resource is required: exactly one');
  }
}

/** RFC 6749 section 5.2. */
export function invalidScope(): OAuthError {
  return new OAuthError('invalid_scope', 400, 'none of the requested scopes can be granted');
}

/**
 * The one resource of a token request.
 * @param requested the `resource` parameter
 * @param granted those that come into question; undefined: all
 */
export function chooseResource(
  issuer: Issuer,
  resources: Resources,
  requested: unknown,
  granted?: readonly Resource[],
): Resource | TargetProblem {
  if (requested === undefined) {
    if (granted?.length === 1) return granted[0] as Resource;
    const implied = resources.implied();
    return implied && (granted?.includes(implied) ?? true) ? implied : { reason: 'resource_needed' };
  }
  if (typeof requested !== 'string') return { reason: 'resource_needed' };
  const resource = resources.resolve(issuer, requested);
  if (!resource) return { reason: 'resource_unknown' };
  return (granted?.includes(resource) ?? true) ? resource : { reason: 'resource_not_granted' };
}

/** Whether a path or URL of the options names this resource. */
export function namesResource(name: string, issuer: Issuer, resource: Resource): boolean {
  return (
    name === (resource.origin === undefined ? resource.path : undefined) || name === canonicalResource(issuer, resource)
  );
}

export function scopesOf(text: string): string[] {
  return [...new Set(text.split(' ').filter(Boolean))];
}

/** What of the available scopes is given: what was asked for; without a wish, all. @param requested the `scope` parameter */
export function chooseScopes(requested: unknown, available: readonly string[]): readonly string[] | TargetProblem {
  if (typeof requested !== 'string') return available;
  const wanted = scopesOf(requested);
  const given = available.filter((scope) => wanted.includes(scope));
  return given.length > 0 ? given : { reason: 'scope_not_granted' };
}
