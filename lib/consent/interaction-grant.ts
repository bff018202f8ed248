import type { Issuer } from '../shared/issuer.ts';
import type { OidcInteraction, OidcProvider } from '../shared/oidc-provider.ts';
import { canonicalResource, type Resources } from '../shared/resources.ts';

/**
 * The grant of one authorization. Its id is the flow's: a form sent twice writes the same grant, and the id joins the
 * steps of a login in events.
 */
export async function saveGrant(
  provider: OidcProvider,
  interaction: Pick<OidcInteraction, 'cid' | 'params'>,
  accountId: string,
  resources: Resources,
  issuer: Issuer,
): Promise<string> {
  const { client_id: clientId, scope, resource: indicator } = interaction.params;
  const grant = new provider.Grant({ accountId, clientId: String(clientId), jti: interaction.cid });
  const requested = String(scope ?? '')
    .split(' ')
    .filter(Boolean);
  grant.addOIDCScope(requested.join(' '));
  const resource = resources.resolve(issuer, String(indicator ?? ''));
  if (resource) {
    const granted = requested.filter((candidate) => resource.grantableScopes.includes(candidate));
    grant.addResourceScope(canonicalResource(issuer, resource), granted.join(' '));
  }
  return grant.save();
}
