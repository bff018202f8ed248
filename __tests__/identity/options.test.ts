import { describe, expect, it } from '@jest/globals';
import * as presets from '../../adapters/identity.ts';
import { mcpOAuth } from '../../lib/index.ts';

const app = { clientId: 'client', clientSecret: 'secret' };
const entraApp = { ...app, clientId: '6731de76-14a6-49ae-97bc-6eba6914391e' };
const tenantId = '8eaef023-2b34-4da1-9baa-8bc8c9d6a490';
const environmentId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe('the issuer', () => {
  it.each([
    [
      'auth0, custom domain',
      presets.auth0({ ...app, auth0Domain: 'login.acme.example' }),
      'https://login.acme.example/',
    ],
    [
      'clerk, production',
      presets.clerk({ ...app, frontendApiUrl: 'https://clerk.acme.example/' }),
      'https://clerk.acme.example',
    ],
    [
      'entra, China',
      presets.entra({ ...entraApp, tenantId, cloud: 'china' }),
      `https://login.partner.microsoftonline.cn/${tenantId}/v2.0`,
    ],
    [
      'entra, several tenants of the US government',
      presets.entra({ ...entraApp, allowedTenants: [tenantId], cloud: 'us-government' }),
      'https://login.microsoftonline.us/{tenantid}/v2.0',
    ],
    [
      'keycloak with a legacy prefix, and a slash',
      presets.keycloak({ ...app, keycloakBaseUrl: 'https://sso.acme.example/auth/', realm: 'acme' }),
      'https://sso.acme.example/auth/realms/acme',
    ],
    [
      'keycloak on loopback',
      presets.keycloak({ ...app, keycloakBaseUrl: 'http://127.0.0.1:8080', realm: 'acme' }),
      'http://127.0.0.1:8080/realms/acme',
    ],
    [
      'logto of your own',
      presets.logto({ ...app, logtoEndpoint: 'https://id.acme.example/' }),
      'https://id.acme.example/oidc',
    ],
    ...(
      [
        ['north-america', 'com'],
        ['canada', 'ca'],
        ['europe', 'eu'],
        ['singapore', 'sg'],
        ['australia', 'com.au'],
        ['asia-pacific', 'asia'],
      ] as const
    ).map(
      ([region, tld]) =>
        [
          `ping, ${region}`,
          presets.ping({ ...app, environmentId, region }),
          `https://auth.pingone.${tld}/${environmentId}/as`,
        ] as const,
    ),
    ['ping by default', presets.ping({ ...app, environmentId }), `https://auth.pingone.com/${environmentId}/as`],
    [
      'github, Enterprise Server',
      presets.github({ ...app, enterpriseServerUrl: 'https://github.acme.example' }),
      'https://github.acme.example/login/oauth',
    ],
    [
      'gitlab of your own',
      presets.gitlab({ ...app, gitlabUrl: 'https://git.acme.example/' }),
      'https://git.acme.example',
    ],
    [
      'supabase, custom domain',
      presets.supabase({ ...app, projectUrl: 'https://api.acme.example' }),
      'https://api.acme.example/auth/v1',
    ],
    [
      'descope by issuer',
      presets.descope({ ...app, issuer: 'https://api.descope.com/v1/apps/P2acme' }),
      'https://api.descope.com/v1/apps/P2acme',
    ],
    [
      'descope in a region',
      presets.descope({ ...app, projectId: 'P2acmeAAAAAAAAAA', baseUrl: 'https://api.euc1.descope.com' }),
      'https://api.euc1.descope.com/P2acmeAAAAAAAAAA',
    ],
    [
      'authentik, one for all',
      presets.authentik({
        ...app,
        authentikUrl: 'https://auth.acme.example',
        applicationSlug: 'gateway',
        issuerMode: 'global',
      }),
      'https://auth.acme.example/',
    ],
    [
      'authelia below a path',
      presets.authelia({ ...app, autheliaUrl: 'https://acme.example/auth' }),
      'https://acme.example/auth',
    ],
    [
      'pingfederate, of the administrator',
      presets.pingfederate({
        ...app,
        pingFederateUrl: 'https://sso.acme.example:9031',
        issuer: 'https://id.acme.example',
      }),
      'https://id.acme.example',
    ],
  ])('of %s', (_, { oidc }, issuer) => {
    expect(oidc.issuer).toBe(issuer);
  });

  it('has its discovery document elsewhere where the provider does', () => {
    const { oidc } = presets.entra({ ...entraApp, allowedTenants: [tenantId] });
    expect(oidc.discoveryUrl).toBe(
      'https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration',
    );
    const pingfederate = presets.pingfederate({
      ...app,
      pingFederateUrl: 'https://sso.acme.example:9031',
      issuer: 'https://id.acme.example',
    });
    expect(pingfederate.oidc.discoveryUrl).toBe('https://sso.acme.example:9031/.well-known/openid-configuration');
  });
});

describe('what is given besides', () => {
  it('takes nobody in whom the preset refuses', () => {
    const { identity } = presets.google({
      ...app,
      clientId: '1-a.apps.googleusercontent.com',
      hostedDomain: 'acme.example',
      identity: { requiredClaims: { email_verified: 'true', hd: 'other.example' } },
    });
    expect(identity.requiredClaims).toEqual({ email_verified: 'true', hd: 'acme.example' });
  });

  it('takes nobody in by a member that is undefined, such as a variable that is not set (CWE-636)', () => {
    const googleApp = { ...app, clientId: '1-a.apps.googleusercontent.com' };
    const identity = { requiredClaims: undefined } as never;
    const { identity: rules } = presets.google({ ...googleApp, hostedDomain: 'acme.example', identity });
    expect(rules.requiredClaims).toEqual({ hd: 'acme.example' });
    expect(() => presets.google({ ...googleApp, hostedDomain: undefined as never })).toThrow(
      'hostedDomain: must be a text where it is given, got undefined',
    );
  });

  it('does not drop rules of the preset where it stands beside it: the server does not start (CWE-863)', () => {
    const google = presets.google({
      ...app,
      clientId: '1-a.apps.googleusercontent.com',
      hostedDomain: 'acme.example',
    });
    const pool = { awsRegion: 'eu-central-1', userPoolId: 'eu-central-1_Acme', userPoolDomain: 'id.acme.example' };
    const cognito = presets.cognito({ ...app, ...pool });
    const issuer = 'https://mcp.example.com';
    const instead = 'must be given: the preset sets it';

    expect(() => mcpOAuth({ issuer, ...google, identity: {} })).toThrow(`identity.requiredClaims: ${instead}`);
    expect(() =>
      mcpOAuth({ issuer, ...google, oidc: { ...google.oidc }, identity: { requiredClaims: { plan: 'paid' } } }),
    ).toThrow(`identity.requiredClaims.hd: ${instead}`);
    const providers = [{ id: 'staff', ...cognito, identity: { claims: ['plan'] } }];
    expect(() => mcpOAuth({ issuer, identityProviders: providers })).toThrow(
      `identityProviders[0].identity.rolesClaims: ${instead}`,
    );
  });

  it('may stand beside the preset where it says itself what the preset said', async () => {
    const google = presets.google({
      ...app,
      clientId: '1-a.apps.googleusercontent.com',
      hostedDomain: 'acme.example',
    });
    const identity = { ...google.identity, claims: ['locale'] };
    await mcpOAuth({ issuer: 'https://mcp.example.com', ...google, identity }).close();
  });

  it('goes with the parameters that the provider needs', () => {
    const { browserLogin } = presets.workos({
      ...app,
      clientId: 'client_01ACME',
      browserLoginOverrides: { authorizationParameters: { organization_id: 'org_01ACME' } },
    });
    expect(browserLogin.authorizationParameters).toEqual({ provider: 'authkit', organization_id: 'org_01ACME' });
  });

  it.each([
    ['browserLoginOverrides', { browserLoginOverrides: 'offline' }, 'browserLoginOverrides: must be an object'],
    ['identity', { identity: [] }, 'identity: must be an object'],
    ['nothing at all', undefined, 'okta(options)'],
  ])('is checked: %s', (_, wrong, message) => {
    const options = wrong && { ...app, oktaDomain: 'acme.okta.com', ...wrong };
    expect(() => presets.okta(options as never)).toThrow(message);
  });
});
