/** An http(s) URL without user and fragment. */
export function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    !url.username &&
    !url.password &&
    !url.hash
  );
}

/** Access token formats. */
export const formatRule = { what: "'opaque' or 'jwt'", accept: (text: string) => text === 'opaque' || text === 'jwt' };

/** RFC 6749 section 3.3. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** Scopes. */
export const scopeRule = {
  what: 'scope tokens (RFC 6749 section 3.3)',
  accept: (text: string) => scopeToken.test(text),
};

/** Whether a value is a list of scopes. */
export function isScopeList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((scope) => typeof scope === 'string' && scopeToken.test(scope));
}

/** A key that may lie in a configuration: asymmetric, without its private part (RFC 7518 section 6). */
export function isPublicKey(key: unknown): boolean {
  const { kty, d } = (key ?? {}) as { kty?: unknown; d?: unknown };
  return (kty === 'RSA' || kty === 'EC' || kty === 'OKP') && d === undefined;
}
