import type { Issuer } from '../shared/issuer.ts';
import type { OidcClient } from '../shared/oidc-provider.ts';
import type { ConsentModel } from '../shared/pages/models.ts';
import type { Resources } from '../shared/resources.ts';
import { redirectHost, redirectReach } from './redirect-target.ts';

/** What the consent page says of a client. @param isKnown whether the operator set it up */
export function consentClient(client: OidcClient, redirectUri: string, isKnown: boolean): ConsentModel['client'] {
  const verifiedHost = client.clientIdMetadataDocument ? new URL(client.clientId).host : undefined;
  const name = client.clientName ?? verifiedHost;
  return {
    ...(name !== undefined && { name }),
    verification: verifiedHost !== undefined ? 'domain' : isKnown ? 'operator' : 'unverified',
    ...(verifiedHost !== undefined && { verifiedHost }),
    redirectHost: redirectHost(redirectUri),
    reach: redirectReach(redirectUri),
  };
}

/** What the consent page says of a resource. */
export function consentResource(issuer: Issuer, indicator: string, resources: Resources): ConsentModel['resource'] {
  return { name: resources.resolve(issuer, indicator)?.displayName ?? indicator, url: indicator };
}
