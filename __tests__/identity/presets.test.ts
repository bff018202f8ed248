import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as presets from '../../adapters/identity.ts';
import { ConfigurationError } from '../../lib/index.ts';
import { providerProfiles } from '../../lib/testing.ts';
import { callPreset } from './call-preset.ts';
import { type Row, rows } from './rows.ts';
import { type PresetLogin, startPresetLogin } from './support.ts';

const nameOf = ({ preset, profile }: Row) => (preset === profile ? preset : `${preset} (${profile})`);

describe.each(rows.map((row) => [nameOf(row), row] as const))('the preset %s', (_, row) => {
  let started: PresetLogin;
  beforeAll(async () => {
    started = await startPresetLogin(row);
  });
  afterAll(() => started?.close());

  const rightOptions = () => {
    const { clientId, clientSecret } = started.idp;
    return { ...row.options, clientId, clientSecret };
  };

  it('refuses wrong options at start and shows a right value', () => {
    for (const [wrong, message] of row.wrong) {
      let thrown: unknown;
      try {
        callPreset(row, { ...rightOptions(), ...wrong });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(ConfigurationError);
      expect((thrown as Error).message).toContain(message);
    }
  });

  it('signs a person in at the provider and names them by (issuer, subject), with their roles', async () => {
    const { idp, client, gateway } = started;
    const { code } = await started.login();
    const tokens = await client.redeem(String(code));
    const user = await started.userOf(tokens.json?.access_token);

    expect(user).toMatchObject({ iss: row.iss, data: { roles: row.roles } });
    expect(user.sub).toBe(row.sub);
    expect(user.data).toMatchObject({ name: 'Alice Adams' });
    expect(gateway.events.filter(({ type }) => type.endsWith('.failed'))).toEqual([]);

    const authorization = idp.requests.find(({ url }) => url === idp.metadata.authorization_endpoint);
    expect(Object.fromEntries(authorization?.query ?? [])).toMatchObject({
      client_id: idp.clientId,
      redirect_uri: `${gateway.url}/oauth/callback`,
      response_type: 'code',
      code_challenge_method: 'S256',
      ...row.parameters,
    });
    // Several providers refuse RFC 8707, and some read `+` literally.
    expect(idp.requests.filter(({ query, form }) => query.has('resource') || form.has('resource'))).toEqual([]);
    expect(authorization?.search).not.toContain('+');
  });

  it('tells two people apart', async () => {
    const { client } = started;
    started.idp.users.other = started.idp.users.bob ?? { idToken: {} };
    const hosted = row.preset === 'google' ? { hd: 'acme.example' } : {};
    started.idp.users.other = {
      ...started.idp.users.other,
      idToken: { ...started.idp.users.other.idToken, ...hosted },
    };
    const { code } = await started.login(started.browser(), 'other');
    const user = await started.userOf((await client.redeem(String(code))).json?.access_token);

    expect([user.iss, user.sub === row.sub]).toEqual([row.iss, false]);
  });

  it('leaves what was issued at work while the provider is gone', async () => {
    const { client, idp } = started;
    const { code } = await started.login();
    const tokens = await client.redeem(String(code));
    await idp.close();
    const next = await client.refresh(String(tokens.json?.refresh_token));

    expect((await started.userOf(next.json?.access_token)).sub).toBe(row.sub);
  });
});

describe('the presets', () => {
  it('have a row each, and every profile has one', () => {
    expect([...new Set(rows.map(({ preset }) => preset))].sort()).toEqual(Object.keys(presets).sort());
    expect(rows.map(({ profile }) => profile).sort()).toEqual(Object.keys(providerProfiles).sort());
  });

  it('hand gateway on, and let overrides win over their quirks', () => {
    const { gateway, browserLogin, identity } = presets.google({
      clientId: '1-a.apps.googleusercontent.com',
      clientSecret: 'secret',
      scope: 'openid email',
      browserLoginOverrides: { remoteTimeoutMs: 5000, logout: { url: 'https://acme.example/bye' } },
      identity: { rolesClaims: ['teams'] },
      gateway: { accessTokenTtlSeconds: 300 },
    });

    expect(gateway).toEqual({ accessTokenTtlSeconds: 300 });
    expect(browserLogin).toMatchObject({
      scope: 'openid email',
      remoteTimeoutMs: 5000,
      logout: { url: 'https://acme.example/bye' },
      offlineAccessRequest: { parameters: { access_type: 'offline', prompt: 'consent' } },
    });
    expect(identity).toEqual({ rolesClaims: ['teams'] });
  });

  it('need no secret for a client with a key, or a public one', () => {
    const options = { oktaDomain: 'acme.okta.com', clientId: 'client' };
    const key = { clientKey: { key: '-----BEGIN PRIVATE KEY-----' } };

    expect(presets.okta({ ...options, browserLoginOverrides: key }).browserLogin).toEqual({
      clientId: 'client',
      ...key,
    });
    expect(() => presets.okta({ ...options, browserLoginOverrides: { clientAuthMethod: 'none' } })).not.toThrow();
    expect(() => presets.okta(options)).toThrow('clientSecret: must be given');
  });
});
