import { afterEach, describe, expect, it } from '@jest/globals';
import { createProviderOf } from '../../lib/federation/asserted-identity.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';
import { type Redemption, type RedemptionSettings, startRedemption } from './support.ts';

const provider = (id: string, issuer = `https://${id}.example`, more = {}) => ({
  id,
  oidc: { issuer, ...more },
  browserLogin: { clientId: 'client', clientSecret: 'secret' },
});
const identityProviders = [
  provider('staff'),
  provider('partners', 'https://login.example/{tenantid}/v2.0', { allowedTenants: ['theirs'] }),
];

describe('a resource for users of some identity providers', () => {
  let redemption: Redemption;
  afterEach(() => redemption.close());

  it.each<[string, RedemptionSettings['trusted'], string, unknown]>([
    ['takes no assertion of another issuer (CWE-863)', {}, '/staff', 'invalid_grant'],
    ['takes one of an issuer that is trusted for it by name', { resources: ['/staff'] }, '/staff', undefined],
    ['leaves other resources as they are', {}, '/mcp', undefined],
  ])('%s', async (_what, trusted, path, error) => {
    redemption = await startRedemption({
      ...(trusted && { trusted }),
      options: { identityProviders, browserLogin: undefined as never },
      routes: (app, auth) => {
        app.all('/mcp', auth.authenticate('/mcp', { scopes: ['mcp:tools'] }));
        app.all('/staff', auth.authenticate('/staff', { scopes: ['mcp:tools'], identityProviders: ['staff'] }));
      },
    });
    const resource = `${redemption.gateway.url}${path}`;
    const answer = await redemption.present(await redemption.idp.assertion({ claims: { resource } }));

    expect(answer.json?.error).toBe(error);
  });
});

describe('the provider of an issuer', () => {
  const providerOf = createProviderOf(resolveOptions({ identityProviders }).login);

  it.each([
    ['https://staff.example', 'staff'],
    ['https://login.example/theirs/v2.0', 'partners'],
    ['https://login.example/others/v2.0', undefined],
    ['https://staff.example/', undefined],
  ])('of %s is %s', (iss, id) => expect(providerOf(iss)).toBe(id));
});
