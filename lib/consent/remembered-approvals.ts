import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcClient } from '../shared/oidc-provider.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';
import { redirectReach } from './redirect-target.ts';

/** What exactly a person approved. Anything else is another approval. */
export interface ApprovedRequest {
  readonly accountId: string;
  readonly redirectUri: string;
  readonly resource: string;
  readonly scopes: readonly string[];
}

/** Approvals that people let us remember: consulted only where a session names the person. */
export interface RememberedApprovals {
  /** Whether an approval of this client may be remembered at all. */
  mayRemember(client: OidcClient, redirectUri: string): boolean;
  /** Kept as long as the grant it was given with: what is revoked in any way is asked for again. */
  remember(issuer: Issuer, client: OidcClient, request: ApprovedRequest, grantId: string): Promise<void>;
  isRemembered(issuer: Issuer, client: OidcClient, request: ApprovedRequest): Promise<boolean>;
}

const kind = 'Approval';

/**
 * Whether the person came here on their own: an address typed or opened by a program, or a link of ours. Whatever another
 * site opens is shown first, even after a click there, and so is what does not say where it comes from: an approval that
 * was remembered must not be spent by somebody else's link (CVE class of GHSA-6x8h-498w-gv8c).
 */
export function isOwnNavigation(headers: IncomingHttpHeaders): boolean {
  const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = headers;
  return (site === 'none' || site === 'same-origin') && mode === 'navigate' && destination === 'document';
}

/** What of a client must not have changed: how it proves itself, and where answers may go. */
function fingerprint(client: OidcClient): string {
  const { redirect_uris: uris, jwks, jwks_uri: keys, token_endpoint_auth_method: method } = client.metadata();
  const sorted = Array.isArray(uris) ? [...uris].sort() : [];
  return hash('sha256', JSON.stringify([sorted, jwks ?? null, keys ?? null, method ?? null]), 'base64url');
}

function idOf(issuer: Issuer, clientId: string, { accountId, redirectUri, resource, scopes }: ApprovedRequest): string {
  return recordId(issuer, JSON.stringify([accountId, clientId, redirectUri, resource, [...scopes].sort()]));
}

/** @param rememberSeconds 0 remembers nothing and forgets what was remembered before */
export function createRememberedApprovals(storage: Storage, rememberSeconds: number): RememberedApprovals {
  return {
    mayRemember(client, redirectUri) {
      // Any program of the device could ask in the name of such a client, and get the answer (RFC 8252 section 8.6).
      const isImitable = client.tokenEndpointAuthMethod === 'none' && redirectReach(redirectUri) !== 'web';
      return rememberSeconds > 0 && !isImitable && client.applicationType !== 'native';
    },

    async remember(issuer, client, request, grantId) {
      const expiresAt = Math.floor(Date.now() / 1000) + rememberSeconds;
      const write = { expiresAt, grantId: recordId(issuer, grantId) };
      await storage.put(kind, idOf(issuer, client.clientId, request), { client: fingerprint(client) }, write);
    },

    async isRemembered(issuer, client, request) {
      const record = await storage.get(kind, idOf(issuer, client.clientId, request));
      return record?.value.client === fingerprint(client);
    },
  };
}
