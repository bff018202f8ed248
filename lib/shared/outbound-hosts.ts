/** The address that a loopback host name, as `URL.hostname` gives it, stands for here. */
export function loopbackAddressOf(hostname: string): string {
  if (hostname === '[::1]') return '::1';
  return /^127\./.test(hostname) ? hostname : '127.0.0.1';
}

/**
 * `host:port` of URLs that the operator named: these may be private, since an identity provider or an authorization server
 * often stands inside the company's network. URLs that others name are never among them.
 */
export function namedHosts(urls: readonly (string | undefined)[]): string[] {
  return urls
    .filter((url) => url !== undefined)
    .map((text) => new URL(text))
    .map((url) => `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`);
}
