/** Fills a store as registrations and logins would. */
import { randomBytes } from 'node:crypto';
import type { Storage } from '../../lib/index.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { recordId } from '../../lib/shared/record-ids.ts';

export interface Seed {
  readonly clients?: number;
  /** Each with a refresh token and a user. */
  readonly grants?: number;
  /** Each with a grant and a user; the token of each is {@link seededToken}. */
  readonly accessTokens?: number;
}

export const seededToken = (index: number) => `token-of-the-bench-${index}`;

const text = (bytes: number) => randomBytes(bytes).toString('base64url');
/** Ids lead nowhere: nobody knows the tokens. */
const newId = () => `seed:${text(32)}`;

async function putClient(storage: Storage, now: number, expiresAt: number): Promise<void> {
  const client = {
    client_name: 'Bench Client',
    redirect_uris: ['http://127.0.0.1:1/callback'],
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    id_token_signed_response_alg: 'ES256',
    client_id: text(16),
    client_id_issued_at: now,
  };
  await storage.put('Client', newId(), client, { expiresAt });
}

async function putGrant(storage: Storage, now: number, expiresAt: number): Promise<void> {
  const [grantId, accountId] = [newId(), newId()];
  const common = { iat: now, exp: expiresAt, accountId, clientId: text(16) };
  const grant = { ...common, kind: 'Grant', resources: { 'http://127.0.0.1/mcp': 'mcp:tools' } };
  const index = { account: accountId, client: newId() };
  await storage.put('Grant', grantId, grant, { expiresAt, grantId, index });
  const token = { ...common, kind: 'RefreshToken', grantId, scope: 'mcp:tools', rotations: 0, authMethod: 'none' };
  await storage.put('RefreshToken', newId(), token, { expiresAt, grantId });
  const user = { iss: 'https://idp.example', sub: text(8), roles: [], claims: { name: 'A User' } };
  await storage.put('Identity', accountId, user, { expiresAt });
}

async function putAccessToken(storage: Storage, url: string, index: number, now: number, expiresAt: number) {
  const issuer = parseIssuer(url) as Issuer;
  const [grantId, accountId, clientId] = [text(16), text(16), text(16)];
  const options = { expiresAt, grantId: recordId(issuer, grantId) };
  const common = { iat: now, exp: expiresAt, accountId, clientId };
  const grant = { ...common, kind: 'Grant', resources: { [`${url}/mcp`]: 'mcp:tools' } };
  await storage.put('Grant', options.grantId, grant, options);
  const user = { iss: 'https://idp.example', sub: text(8), roles: [], claims: { name: 'A User' } };
  await storage.put('Identity', recordId(issuer, accountId), user, { expiresAt });
  const token = { ...common, kind: 'AccessToken', grantId, scope: 'mcp:tools', aud: `${url}/mcp` };
  await storage.put('AccessToken', recordId(issuer, seededToken(index)), token, options);
}

/** Records as ours writes them. @param url of the issuer */
export async function seedStore(storage: Storage, url: string, seed: Seed): Promise<void> {
  const { clients = 0, grants = 0, accessTokens = 0 } = seed;
  const now = Math.floor(Date.now() / 1000);
  const expiresAt = now + 2_592_000;
  for (let index = 0; index < clients; index += 1) await putClient(storage, now, expiresAt);
  for (let index = 0; index < grants; index += 1) await putGrant(storage, now, expiresAt);
  for (let index = 0; index < accessTokens; index += 1) await putAccessToken(storage, url, index, now, expiresAt);
}
