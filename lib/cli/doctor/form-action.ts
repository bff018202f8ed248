/** Whether one source expression of `form-action` covers a URL (CSP Level 3 section 6.7.2). */
function covers(source: string, target: URL, page: URL): boolean {
  if (source === "'self'") return target.origin === page.origin;
  if (source === '*') return /^https?:$/.test(target.protocol);
  const scheme = /^([a-z][a-z0-9+.-]*):$/i.exec(source)?.[1]?.toLowerCase();
  if (scheme !== undefined)
    return target.protocol === `${scheme}:` || (scheme === 'http' && target.protocol === 'https:');
  const [, sourceScheme, host = '', port] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?([^/:]+)(?::(\d+|\*))?/i.exec(source) ?? [];
  if (sourceScheme !== undefined && target.protocol !== `${sourceScheme.toLowerCase()}:`) return false;
  const isHost = host.startsWith('*.') ? target.hostname.endsWith(host.slice(1)) : target.hostname === host;
  return isHost && (port === '*' || (port ?? '') === target.port);
}

/**
 * Whether every policy of a page lets a form lead to a URL. Several policies of one page (helmet's beside the page's own)
 * must all allow it; one without `form-action` allows everything, since `default-src` does not stand in for it.
 * @param header the values of `Content-Security-Policy`, joined by commas
 */
export function formActionAllows(header: string | undefined, pageUrl: string, target: string): boolean {
  const policies = (header ?? '').split(',').map((policy) => policy.split(';').map((directive) => directive.trim()));
  return policies.every((directives) => {
    const sources = directives
      .find((directive) => /^form-action(\s|$)/i.test(directive))
      ?.split(/\s+/)
      .slice(1);
    return sources === undefined || sources.some((source) => covers(source, new URL(target), new URL(pageUrl)));
  });
}
