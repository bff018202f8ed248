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
