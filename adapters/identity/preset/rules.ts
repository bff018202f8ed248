/** Rules for the texts that people paste: each names a right value, since the wrong one is what they just tried. */
import { parseIssuer } from '../../../lib/shared/issuer.ts';
import type { TextRule } from './preset.ts';

const hostName = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/i;

/** A bare host name: no scheme, no path, at least one dot. */
export function hostRule(example: string): TextRule {
  return { what: `a host name without https:// and path, such as '${example}'`, accept: (text) => hostName.test(text) };
}

/** One label of a host name. */
export function labelRule(example: string, where: string): TextRule {
  const accept = (text: string) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i.test(text);
  return { what: `the part before ${where} alone, such as '${example}'`, accept };
}

/** A base URL: https, or http on loopback; a slash at its end is dropped by {@link withoutSlash}. */
export function baseUrlRule(example: string, refused?: { readonly path: RegExp; readonly name: string }): TextRule {
  const without = refused === undefined ? 'query and fragment' : `${refused.name}, query and fragment`;
  return {
    what: `an https URL without ${without}, such as '${example}'`,
    accept: (text) => parseIssuer(withoutSlash(text)) !== undefined && !refused?.path.test(new URL(text).pathname),
  };
}

/** A base URL without any path. */
export function originRule(example: string): TextRule {
  const accept = (text: string) => parseIssuer(withoutSlash(text))?.origin === withoutSlash(text);
  return { what: `an https origin without path, query and fragment, such as '${example}'`, accept };
}

export function uuidRule(what: string): TextRule {
  const accept = isUuid;
  return { what: `${what}, a UUID such as '8eaef023-2b34-4da1-9baa-8bc8c9d6a490'`, accept };
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
}

/** One segment of a path. */
export function segmentRule(what: string, example: string): TextRule {
  const accept = (text: string) => /^[A-Za-z0-9._~-]+$/.test(text) && !/^\.+$/.test(text);
  return { what: `${what}, such as '${example}'`, accept };
}

export function withoutSlash(url: string): string {
  return url.replace(/\/$/, '');
}
