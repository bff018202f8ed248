import { describe, expect, it } from '@jest/globals';
import { createClientCredentialsGrant } from '../../lib/grants/client-credentials.ts';
import { createIdJagGrant, type IdJagGrantOptions } from '../../lib/grants/id-jag.ts';
import type { ResolvedIdJag } from '../../lib/grants/resolve-id-jag-options.ts';
import type { ExtensionGrant, GrantRequest } from '../../lib/shared/extension-grant.ts';
import { createIdentities } from '../../lib/shared/identity.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createResources } from '../../lib/shared/resources.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';

const storage = memoryStorage();
const identities = createIdentities(storage, 1000);
const resources = createResources();
resources.declare({
  path: '/mcp',
  scopes: ['mcp:tools'],
  grantableScopes: ['mcp:tools'],
  displayName: '/mcp',
  isDefault: false,
  allowedOrigins: [],
});

const request: GrantRequest = {
  issuer: parseIssuer('https://mcp.example.com') as Issuer,
  flowId: 'flow',
  client: { clientId: 'public', isPublic: true, resourceScopes: undefined },
  parameters: {},
  proofThumbprint: undefined,
};

function idJagGrant(allowPublicClients: boolean): ExtensionGrant {
  const settings = { trustedIssuers: [], maxLifetimeSeconds: 300, clockToleranceSeconds: 60, allowPublicClients };
  return createIdJagGrant({
    isBlocked: async () => false,
    settings: settings as unknown as ResolvedIdJag,
    storage,
    identities,
    resources,
  } as unknown as IdJagGrantOptions);
}

/** Metadata keeps these grants from such clients already; should it once not, the grants do. */
describe('a client without authentication', () => {
  it('is refused by the ID-JAG grant itself, unless the operator allows it (ID-JAG draft, Client Authentication)', async () => {
    expect(await idJagGrant(false).redeem(request)).toMatchObject({
      error: { code: 'unauthorized_client', status: 400 },
      reason: 'id_jag: client_is_public',
    });
    expect(await idJagGrant(true).redeem(request)).toMatchObject({ reason: 'id_jag: missing' });
  });

  it('is refused by the client credentials grant itself (RFC 6749 section 4.4)', async () => {
    const grant = createClientCredentialsGrant({ identities, resources });
    expect(await grant.redeem(request)).toMatchObject({ error: { status: 400 } });
    const known = { ...request, client: { ...request.client, isPublic: false } };
    expect(await grant.redeem(known)).toMatchObject({ scopes: ['mcp:tools'] });
  });
});
