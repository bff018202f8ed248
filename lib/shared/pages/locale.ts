import type { IncomingMessage } from 'node:http';

/** Languages that are written from right to left, by primary subtag. */
const rightToLeft = new Set(['ar', 'ckb', 'dv', 'fa', 'he', 'ks', 'ps', 'sd', 'ug', 'ur', 'yi']);

const primary = (locale: string) => locale.split('-', 1)[0] as string;

export function directionOf(locale: string): 'ltr' | 'rtl' {
  return rightToLeft.has(primary(locale).toLowerCase()) ? 'rtl' : 'ltr';
}

/** Tags of an Accept-Language header, the most wanted first (RFC 9110 section 12.5.4). */
function acceptedLanguages(header: string | undefined): string[] {
  return (header ?? '')
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(';');
      const quality = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]).find(Boolean);
      return { tag: tag.trim(), weight: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ tag, weight }) => tag !== '' && weight > 0)
    .sort((left, right) => right.weight - left.weight)
    .map(({ tag }) => tag);
}

/**
 * The language of a page: what the client asks for (`ui_locales`, OpenID Connect Core section 3.1.2.1), then what the
 * browser does; `de-CH` is served by `de`. English where there is neither.
 */
export function chooseLocale(
  available: readonly string[],
  uiLocales: string | undefined,
  headers: IncomingMessage['headers'],
): string {
  const wanted = [...(uiLocales ?? '').slice(0, 500).split(' '), ...acceptedLanguages(headers['accept-language'])];
  for (const tag of wanted) {
    const lower = tag.toLowerCase();
    const found =
      available.find((locale) => locale.toLowerCase() === lower) ??
      available.find((locale) => locale.toLowerCase() === primary(lower));
    if (found !== undefined) return found;
  }
  return 'en';
}
