import type { OptionReader } from '../shared/option-reader.ts';

/** `consent` with its defaults. */
export interface ResolvedConsent {
  readonly rememberSeconds: number;
}

/** Reads `consent`. */
export function readConsentOptions(options: OptionReader): ResolvedConsent {
  const consent = options.group('consent', ['rememberSeconds']);
  return { rememberSeconds: consent.integer('rememberSeconds', { min: 0, max: 31_536_000, fallback: 2_592_000 }) };
}
