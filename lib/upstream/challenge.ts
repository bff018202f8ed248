/** What is read of an upstream's `WWW-Authenticate` (RFC 6750 section 3, RFC 9728 section 5.1). Untrusted text. */
export interface UpstreamChallenge {
  readonly error?: string;
  readonly scopes: readonly string[];
  readonly resourceMetadata?: string;
}

const maxLength = 8 * 1024;
const maxScopes = 50;
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;

/** Scopes of a text, those that can be scopes. */
export function readScopeText(text: unknown, delimiter = ' '): string[] {
  if (typeof text !== 'string' || text.length > maxLength) return [];
  const scopes = text
    .split(delimiter)
    .flatMap((part) => part.split(' '))
    .filter((scope) => scopeToken.test(scope));
  return [...new Set(scopes)].slice(0, maxScopes);
}

/** Reads the Bearer challenge; another scheme's parameters are none of ours. */
export function readChallenge(header: string | null | undefined): UpstreamChallenge {
  const text = (header ?? '').slice(0, maxLength);
  const start = /(?:^|,\s*)bearer(?:\s+|$)/i.exec(text);
  if (!start) return { scopes: [] };
  const found = new Map<string, string>();
  const parameter = /\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
  parameter.lastIndex = start.index + start[0].length;
  for (let match = parameter.exec(text); match; match = parameter.exec(text)) {
    const name = (match[1] as string).toLowerCase();
    if (!found.has(name)) found.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '');
  }
  const error = found.get('error');
  const resourceMetadata = found.get('resource_metadata');
  return {
    scopes: readScopeText(found.get('scope')),
    ...(error !== undefined && { error }),
    ...(resourceMetadata !== undefined && { resourceMetadata }),
  };
}
