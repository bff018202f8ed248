import type { Issuer } from '../shared/issuer.ts';
import { canonicalResource, type Resources } from '../shared/resources.ts';

/** Scopes of OpenID Connect that clients ask for out of habit: accepted and without effect, as no ID token is issued here. */
const openIdScopes = new Set(['openid', 'profile', 'email', 'address', 'phone']);

/** Parameters that mean something only with an ID token; oidc-provider refuses them without the `openid` scope. */
const idTokenParameters = ['nonce', 'claims', 'claims_locales', 'id_token_hint', 'max_age', 'acr_values'];

/** Names under which oidc-provider keeps for the login what it would refuse without the `openid` scope, or does not know. */
export const loginParameters = ['login_prompt', 'login_max_age', 'login_acr_values'] as const;

function scopeTokens(text: string): string[] {
  return text.split(' ').filter((token) => token !== '');
}

/**
 * Every accepted spelling of a resource becomes the advertised one; unknown ones stay, and are refused later.
 * @returns whether anything changed
 */
function canonicalizeResources(parameters: URLSearchParams, issuer: Issuer, resources: Resources): boolean {
  const given = parameters.getAll('resource');
  if (given.length === 0) return false;
  const canonical = given.map((indicator) => {
    const resource = resources.resolve(issuer, indicator);
    return resource ? canonicalResource(issuer, resource) : indicator;
  });
  if (canonical.length === 1 && canonical[0] === given[0]) return false;
  parameters.delete('resource');
  for (const indicator of new Set(canonical)) parameters.append('resource', indicator);
  return true;
}

/** What the identity provider is to be asked (OpenID Connect Core section 3.1.2.1); what is malformed has no effect. */
function keepForLogin(parameters: URLSearchParams): void {
  const single = (name: string, form: RegExp) => {
    const [value, ...more] = parameters.getAll(name);
    return value !== undefined && more.length === 0 && form.test(value) ? value : undefined;
  };
  const prompts = scopeTokens(single('prompt', /./) ?? '').filter((prompt) =>
    /^(?:login|select_account)$/.test(prompt),
  );
  const kept = {
    login_prompt: prompts.length > 0 ? [...new Set(prompts)].join(' ') : undefined,
    login_max_age: single('max_age', /^\d{1,9}$/),
    login_acr_values: single('acr_values', /^[\x21-\x7e][\x20-\x7e]{0,500}$/),
  };
  for (const name of loginParameters) {
    parameters.delete(name);
    if (kept[name] !== undefined) parameters.set(name, kept[name]);
  }
}

/**
 * Prepares an authorization request for oidc-provider: canonical resource, known scopes (all of the resource's where none
 * is left), no OpenID Connect extras. Repeated parameters stay repeated, so that they are refused.
 */
export function prepareAuthorizationRequest(parameters: URLSearchParams, issuer: Issuer, resources: Resources): void {
  canonicalizeResources(parameters, issuer, resources);
  keepForLogin(parameters);
  for (const name of idTokenParameters) parameters.delete(name);
  // Only the query: a posted form or a fragment would need pages and scripts of their own (RFC 9700 section 2.1.2).
  if (parameters.getAll('response_mode').some((mode) => mode !== 'query')) parameters.set('response_mode', 'refused');
  if (parameters.getAll('prompt').length === 1) {
    const prompts = scopeTokens(parameters.get('prompt') ?? '').map((prompt) =>
      prompt === 'select_account' ? 'login' : prompt,
    );
    parameters.set('prompt', [...new Set(prompts)].join(' '));
    if (prompts.length === 0) parameters.delete('prompt');
  }
  if (parameters.getAll('scope').length > 1) return;
  const indicator = parameters.get('resource');
  const resource = indicator === null ? resources.implied() : resources.resolve(issuer, indicator);
  if (!resource) return;
  const known = new Set([...resource.grantableScopes, 'offline_access']);
  const requested = scopeTokens(parameters.get('scope') ?? '').filter((scope) => known.has(scope));
  const wanted = requested.some((scope) => scope !== 'offline_access') ? requested : [...resource.scopes, ...requested];
  parameters.set('scope', [...new Set(wanted)].join(' '));
}

/**
 * Prepares a token request: canonical resource; scopes that no access token carries are dropped, not refused.
 * @returns whether anything changed
 */
export function prepareTokenRequest(parameters: URLSearchParams, issuer: Issuer, resources: Resources): boolean {
  const isChanged = canonicalizeResources(parameters, issuer, resources);
  const [given, ...more] = parameters.getAll('scope');
  if (given === undefined || more.length > 0) return isChanged;
  const scopes = scopeTokens(given).filter((scope) => !openIdScopes.has(scope) && scope !== 'offline_access');
  const scope = scopes.join(' ');
  if (scope === given && scope !== '') return isChanged;
  if (scope !== '') parameters.set('scope', scope);
  else parameters.delete('scope');
  return true;
}
