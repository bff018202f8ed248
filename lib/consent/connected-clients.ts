import type { Issuer } from '../shared/issuer.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import type { ConnectedClient } from '../shared/pages/models.ts';
import type { Resources } from '../shared/resources.ts';

/** What is known of one grant. */
export interface ClientGrant {
  readonly clientId: string;
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  /** UNIX seconds. */
  readonly createdAt: number;
  /** UNIX seconds; `createdAt` where there was no use yet. */
  readonly lastUsedAt: number;
}

/** Host of a metadata document, for a client that has one. */
function documentHost(clientId: string): string | undefined {
  return clientId.startsWith('https://') ? URL.parse(clientId)?.host : undefined;
}

/** A client's name, also where its registration is gone or its document cannot be had now. */
async function nameOf(provider: OidcProvider, clientId: string): Promise<string | undefined> {
  const client = await provider.Client.find(clientId).catch(() => undefined);
  return client?.clientName ?? documentHost(clientId);
}

/** Grants by client: the latest used first. */
export async function connectedClients(
  issuer: Issuer,
  provider: OidcProvider,
  resources: Resources,
  isOperatorClient: (clientId: string) => boolean,
  grants: readonly ClientGrant[],
): Promise<ConnectedClient[]> {
  const byClient = new Map<string, ClientGrant[]>();
  for (const grant of grants) byClient.set(grant.clientId, [...(byClient.get(grant.clientId) ?? []), grant]);
  const clients = await Promise.all(
    [...byClient].map(async ([id, own]): Promise<ConnectedClient> => {
      const [name, host] = [await nameOf(provider, id), documentHost(id)];
      const urls = [...new Set(own.flatMap(({ resource }) => resource ?? []))];
      const allowedAt = Math.min(...own.map(({ createdAt }) => createdAt));
      const lastUsedAt = Math.max(...own.map(({ lastUsedAt: at, createdAt }) => (at > createdAt ? at : 0)));
      return {
        id,
        ...(name !== undefined && { name }),
        verification: host !== undefined ? 'domain' : isOperatorClient(id) ? 'operator' : 'unverified',
        ...(host !== undefined && { verifiedHost: host }),
        resources: urls.map((url) => ({ name: resources.resolve(issuer, url)?.displayName ?? url, url })),
        scopes: [...new Set(own.flatMap(({ scopes }) => scopes))],
        allowedAt,
        ...(lastUsedAt > 0 && { lastUsedAt }),
      };
    }),
  );
  return clients.sort((one, other) => (other.lastUsedAt ?? other.allowedAt) - (one.lastUsedAt ?? one.allowedAt));
}
