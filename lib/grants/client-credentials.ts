import type { ExtensionGrant, GrantRefusal, GrantRequest } from '../shared/extension-grant.ts';
import type { Identities } from '../shared/identity.ts';
import type { Resource, Resources } from '../shared/resources.ts';
import {
  chooseResource,
  chooseScopes,
  invalidScope,
  invalidTarget,
  namesResource,
  type TargetProblem,
} from './resource-grant.ts';

export interface ClientCredentialsOptions {
  readonly resources: Resources;
  readonly identities: Identities;
}

/** What the operator gave the client for a resource; undefined: the resource is not among what was given. */
function availableScopes({ client, issuer }: GrantRequest, resource: Resource): readonly string[] | undefined {
  if (!client.resourceScopes) return resource.scopes;
  const given = Object.entries(client.resourceScopes).find(([name]) => namesResource(name, issuer, resource));
  return given?.[1].filter((scope) => resource.grantableScopes.includes(scope));
}

function refuse(problem: TargetProblem): GrantRefusal {
  const error = problem.reason === 'scope_not_granted' ? invalidScope() : invalidTarget(problem);
  return { error, reason: `client_credentials: ${problem.reason}` };
}

/**
 * Tokens for clients themselves, where no user is involved (RFC 6749 section 4.4; MCP OAuth Client Credentials extension).
 * The client is the subject. Only an operator gives this grant, and only to clients that authenticate.
 */
export function createClientCredentialsGrant({ resources, identities }: ClientCredentialsOptions): ExtensionGrant {
  return {
    grantType: 'client_credentials',
    parameters: ['scope', 'resource'],
    async redeem(request) {
      const { issuer, client, parameters } = request;
      if (client.isPublic) return refuse({ reason: 'scope_not_granted' });
      const resource = chooseResource(issuer, resources, parameters.resource);
      if ('reason' in resource) return refuse(resource);
      const available = availableScopes(request, resource);
      if (!available) return refuse({ reason: 'resource_not_granted' });
      const scopes = chooseScopes(parameters.scope, available);
      if ('reason' in scopes) return refuse(scopes);
      // Not the issuer itself, whose subjects are users of the app's own login: one may be called like a client, and would
      // share its account (RFC 9700 section 4.15).
      const self = { iss: `${issuer.identifier}/client`, sub: client.clientId, roles: [], claims: {} };
      return { accountId: await identities.assert(issuer, self), resource, scopes };
    },
  };
}
