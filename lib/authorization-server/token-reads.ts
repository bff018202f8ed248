import type { Issuer } from '../shared/issuer.ts';
import { beginReads } from '../shared/read-ahead.ts';
import { recordId } from '../shared/record-ids.ts';
import type { RecordAddress, Storage } from '../storage/storage.ts';

interface TokenRequest {
  readonly oidc?: {
    readonly route?: string;
    readonly params?: Readonly<Record<string, unknown>>;
    readonly client?: { readonly clientId: string };
  };
}

/** A client is looked up at the token endpoint: the code or refresh token that it brings is read together with it. */
export function readTokenAhead(storage: Storage, issuer: Issuer, request: object, client: RecordAddress): void {
  const { route, params } = (request as TokenRequest).oidc ?? {};
  if (route !== 'token') return;
  const { grant_type: grantType, refresh_token: refreshToken, code } = params ?? {};
  if (grantType === 'refresh_token' && typeof refreshToken === 'string')
    beginReads(storage, [client, { kind: 'RefreshToken', id: recordId(issuer, refreshToken) }]);
  if (grantType === 'authorization_code' && typeof code === 'string')
    beginReads(storage, [client, { kind: 'AuthorizationCode', id: recordId(issuer, code) }]);
}

/** A client's own code or refresh token was read: its grant and its user are read together. */
export function readOwnerAhead(
  storage: Storage,
  issuer: Issuer,
  request: object,
  token: Readonly<Record<string, unknown>>,
): void {
  const { route, client } = (request as TokenRequest).oidc ?? {};
  const { kind, clientId, grantId, accountId } = token;
  if (route !== 'token' || (kind !== 'RefreshToken' && kind !== 'AuthorizationCode')) return;
  if (clientId !== client?.clientId || typeof grantId !== 'string' || typeof accountId !== 'string') return;
  beginReads(storage, [
    { kind: 'Grant', id: recordId(issuer, grantId) },
    { kind: 'Identity', id: recordId(issuer, accountId) },
  ]);
}
