import type { Probe } from './probe.ts';

/** Origin of a page that nobody allowed. */
export const anyPage = 'https://page.example';

/** The entries of a header with a list, in lower case. */
export function listed(header: string | undefined): string[] {
  return (header ?? '').split(',').map((entry) => entry.trim().toLowerCase());
}

/** Whether a page of this origin may read the answer (Fetch, CORS check). */
export function allowsOrigin(headers: Readonly<Record<string, string>>, origin: string): boolean {
  const allowed = headers['access-control-allow-origin'];
  return allowed === '*' || allowed === origin;
}

/** What keeps a page from sending a POST with these headers; undefined where nothing does. */
export async function preflightProblem(
  probe: Probe,
  url: string,
  origin: string,
  requested: readonly string[],
): Promise<string | undefined> {
  const { status, headers } = await probe.send(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': requested.join(','),
    },
  });
  if (status < 200 || status > 299) return `the preflight of ${url} is answered ${status}`;
  if (!allowsOrigin(headers, origin)) return `the preflight of ${url} does not allow ${origin}`;
  const methods = listed(headers['access-control-allow-methods']);
  // POST needs no permission (Fetch, CORS-preflight fetch); a list without it says that something is wrong all the same.
  if (!methods.includes('post') && !methods.includes('*')) return `the preflight of ${url} does not allow POST`;
  const allowed = listed(headers['access-control-allow-headers']);
  const missing = requested.filter(
    (name) => !allowed.includes(name) && (name === 'authorization' || !allowed.includes('*')),
  );
  return missing.length === 0 ? undefined : `the preflight of ${url} does not allow ${missing.join(', ')}`;
}
