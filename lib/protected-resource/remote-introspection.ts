import { createRemoteDocument, temporarilyUnavailable } from '../shared/remote-document.ts';
import { describeRemoteToken, type RemoteClaims, type RemoteTokenReader } from './remote-access-token.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

export interface IntrospectionReaderOptions {
  readonly issuer: TrustedIssuer;
  /** The introspection endpoint; undefined: found in the issuer's metadata. */
  readonly url: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly now?: () => number;
}

/** Credentials are form-encoded before they are joined (RFC 6749 section 2.3.1). */
function basicCredentials(clientId: string, clientSecret: string): string {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`;
}

const isRecord = (value: unknown): value is RemoteClaims =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether the answer is about an access token: a refresh token is active, too, and has no type (RFC 7662 section 2.2). */
function isAccessToken({ token_type: type }: RemoteClaims): boolean {
  return typeof type === 'string' && ['bearer', 'dpop'].includes(type.toLowerCase());
}

/**
 * Asks the issuer about tokens (RFC 7662 section 2). Only its clear word counts: any answer but a description, or that the
 * token is inactive or of a kind it cannot introspect, is an outage, since it says nothing of the token.
 */
export function createIntrospectionReader(options: IntrospectionReaderOptions): RemoteTokenReader {
  const { issuer, url, clientId, clientSecret, now = () => Date.now() } = options;
  const authorization = basicCredentials(clientId, clientSecret);
  const endpoint = createRemoteDocument(async () => url ?? (await issuer.endpoint('introspection_endpoint')), { now });

  async function introspect(token: string): Promise<RemoteClaims> {
    const target = await endpoint.current();
    const body = new URLSearchParams({ token, token_type_hint: 'access_token' });
    const request = { method: 'POST', headers: { authorization }, body };
    const answer = await issuer.request(target, 'introspection', request).catch((cause: unknown) => {
      throw temporarilyUnavailable(cause);
    });
    if (answer.status === 200 && isRecord(answer.body) && typeof answer.body.active === 'boolean') return answer.body;
    // oidc-provider's word for a JWT: whoever holds one shall sign in again, not wait.
    const error = isRecord(answer.body) ? answer.body.error : undefined;
    if (answer.status === 400 && error === 'unsupported_token_type') return { active: false };
    throw temporarilyUnavailable(new Error(`introspection: status ${answer.status}`));
  }

  return async (token) => {
    const claims = await introspect(token);
    if (claims.active !== true) return 'unknown';
    if (!isAccessToken(claims)) return 'wrong_type';
    return describeRemoteToken(claims, { token, issuer: issuer.identifier, now: now() });
  };
}
