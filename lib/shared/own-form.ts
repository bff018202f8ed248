import type { Exchange } from './http.ts';
import type { KeyRing } from './key-ring.ts';

/** Why a posted form is not one of our own pages'. */
export type ForeignForm = 'foreign origin' | 'sent from another site' | 'csrf';

/**
 * A form counts only as one of our own pages, posted by the browser that got the page: by Origin and Sec-Fetch-Site where
 * the browser sends them, and always by a token bound to `text`, which names the browser's session or request (RFC 9700
 * section 4.7).
 */
export function foreignForm(
  { req, issuer }: Pick<Exchange, 'req' | 'issuer'>,
  ring: KeyRing,
  text: string,
  token: string | null,
): ForeignForm | undefined {
  const { origin, 'sec-fetch-site': site } = req.headers;
  if (origin !== undefined && origin !== issuer.origin && origin !== 'null') return 'foreign origin';
  if (site !== undefined && site !== 'same-origin') return 'sent from another site';
  return ring.verify('csrf', text, token ?? '') ? undefined : 'csrf';
}
