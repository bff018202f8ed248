import type { UpstreamCredential } from '../shared/upstream-credentials.ts';
import type { IdJagUpstream, TokenExchangeUpstream } from './provider-token-upstreams.ts';
import type { StaticHeaders } from './static-headers.ts';
import type { OAuthUpstream } from './user-oauth.ts';

/** Every kind of credential, as its constructor made it. */
export type UpstreamMode = StaticHeaders | OAuthUpstream | IdJagUpstream | TokenExchangeUpstream;

const modes: { readonly [Mode in UpstreamMode['mode']]: true } = {
  'static-headers': true,
  'user-oauth': true,
  'shared-oauth': true,
  'id-jag': true,
  'token-exchange': true,
};

/** Whether a value was made by one of the constructors. */
export function isUpstreamMode(value: unknown): value is UpstreamCredential {
  const mode = (value as { mode?: unknown } | null | undefined)?.mode;
  return typeof mode === 'string' && Object.hasOwn(modes, mode);
}

/** What the constructor put behind the public type. */
export function readUpstreamMode(credential: UpstreamCredential): UpstreamMode {
  return credential as UpstreamMode;
}
