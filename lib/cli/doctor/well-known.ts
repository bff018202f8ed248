/** A well-known URL with the path of another URL inserted after it (RFC 8414 section 3.1, RFC 9728 section 3.1). */
export function insertedUrl(url: URL, wellKnown: string): string {
  const path = url.pathname === '/' ? '' : url.pathname;
  return `${url.origin}${wellKnown}${path}${url.search}`;
}

/** Every place where a client looks for server metadata: bare, inserted and appended, for the issuer and for the endpoint. */
export function metadataForms(issuer: URL, endpoint: URL | undefined): string[] {
  const names = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
  const urls = [issuer, ...(endpoint && endpoint.origin === issuer.origin ? [endpoint] : [])];
  const forms = urls.flatMap(({ origin, pathname }) => {
    const path = pathname.replace(/\/$/, '');
    return names.flatMap((name) => [`${origin}${name}`, `${origin}${name}${path}`, `${origin}${path}${name}`]);
  });
  return [...new Set(forms)];
}

/** Whether a text is a web page. */
export function isHtml(text: string): boolean {
  return /^\s*<(?:!doctype html|html|head|body)\b/i.test(text);
}
