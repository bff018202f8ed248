/** Why a redirect URI is refused (RFC 8252 section 7, RFC 9700 section 4.1, MCP 2026-07-28, Communication Security). */
export type RedirectUriProblem =
  | 'not_a_string'
  | 'too_long'
  | 'forbidden_character'
  | 'not_absolute'
  | 'fragment'
  | 'userinfo'
  | 'wildcard'
  | 'http_not_loopback'
  | 'scheme_refused'
  | 'scheme_unknown'
  | 'not_allowed';

const maxRedirectUriBytes = 2048;

/** Schemes that run script, read files or show local content: never a redirect target. */
const refusedSchemes = new Set([
  'about',
  'blob',
  'chrome',
  'content',
  'data',
  'file',
  'filesystem',
  'ftp',
  'intent',
  'jar',
  'javascript',
  'mailto',
  'ms-appx',
  'resource',
  'sms',
  'tel',
  'vbscript',
  'view-source',
  'ws',
  'wss',
]);

/** Private-use schemes without a dot that known MCP clients register (RFC 8252 section 7.1 wants reverse domain names). */
export const knownClientSchemes: readonly string[] = [
  'antigravity',
  'claude',
  'cline',
  'cursor',
  'goose',
  'jetbrains',
  'kiro',
  'mcpjam',
  'opencode',
  'raycast',
  'vscode',
  'vscode-insiders',
  'warp',
  'windsurf',
  'zed',
];

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The operator's part of the policy: it narrows or names schemes, and never admits what is refused by kind. */
export interface RedirectPolicy {
  /** Private-use schemes without a dot that may be registered, besides the known clients' ones. */
  readonly allowedSchemes?: readonly string[];
  /** The last word on a URI that passed everything else. */
  readonly allowRedirect?: (uri: string) => boolean;
}

/** What the rules say of URIs: the same few are registered again and again, and looked at twice in each registration. */
const decided = new WeakMap<RedirectPolicy, Map<string, RedirectUriProblem | undefined>>();
const maxDecided = 256;
const noPolicy: RedirectPolicy = {};

/** @returns the problem, or undefined where the URI may be used. Looks at the raw text, before any parser repairs it. */
export function checkRedirectUri(uri: unknown, policy: RedirectPolicy = noPolicy): RedirectUriProblem | undefined {
  if (typeof uri !== 'string') return 'not_a_string';
  const problem = decide(uri, policy);
  // The app is asked each time.
  return problem ?? (policy.allowRedirect && policy.allowRedirect(uri) !== true ? 'not_allowed' : undefined);
}

function decide(uri: string, policy: RedirectPolicy): RedirectUriProblem | undefined {
  const known = decided.get(policy) ?? new Map<string, RedirectUriProblem | undefined>();
  if (known.has(uri)) return known.get(uri);
  const problem = checkText(uri, policy);
  if (known.size >= maxDecided) known.clear();
  if (uri.length <= maxRedirectUriBytes) decided.set(policy, known.set(uri, problem));
  return problem;
}

function checkText(uri: string, policy: RedirectPolicy): RedirectUriProblem | undefined {
  if (Buffer.byteLength(uri) > maxRedirectUriBytes) return 'too_long';
  if (/[^\x21-\x7e]|[\\"<>^`{|}]/.test(uri)) return 'forbidden_character';
  if (uri.includes('#')) return 'fragment';
  if (uri.includes('*')) return 'wildcard';
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
  const url = URL.parse(uri);
  if (!scheme || !url || url.protocol !== `${scheme}:`) return 'not_absolute';
  return isWeb(scheme) ? checkWebUri(uri, url) : checkPrivateUseUri(scheme, url, policy.allowedSchemes ?? []);
}

const isWeb = (scheme: string) => scheme === 'https' || scheme === 'http';

function checkWebUri(uri: string, url: URL): RedirectUriProblem | undefined {
  const authority = /^https?:\/\/([^/?]+)/i.exec(uri)?.[1];
  if (authority === undefined || url.hostname === '') return 'not_absolute';
  if (authority.includes('@')) return 'userinfo';
  // The host as it is spelled: the parser would turn `127.1` and `2130706433` into the loopback address.
  const host = authority.toLowerCase().replace(/:\d*$/, '');
  return url.protocol === 'http:' && !loopbackHosts.has(host) ? 'http_not_loopback' : undefined;
}

function checkPrivateUseUri(
  scheme: string,
  url: URL,
  allowedSchemes: readonly string[],
): RedirectUriProblem | undefined {
  if (refusedSchemes.has(scheme)) return 'scheme_refused';
  if (url.username || url.password) return 'userinfo';
  const isKnown = scheme.includes('.') || knownClientSchemes.includes(scheme) || allowedSchemes.includes(scheme);
  return isKnown ? undefined : 'scheme_unknown';
}

/** Whether any of the URIs belongs to a native app: loopback http or a private-use scheme (RFC 8252 section 7). */
export function isNativeClient(redirectUris: readonly string[]): boolean {
  return redirectUris.some((uri) => !/^https:/i.test(uri));
}
