import { afterEach, describe, expect, it } from '@jest/globals';
import { type Row, rows } from './rows.ts';
import { type PresetLogin, startPresetLogin } from './support.ts';

const refused = { error: 'access_denied' };
const rowOf = (profile: string) => rows.find((row) => row.profile === profile) as Row;
const reasonsOf = ({ gateway }: PresetLogin) => gateway.events.flatMap(({ reason }) => reason ?? []);

let started: PresetLogin;
afterEach(() => started.close());

describe('people of elsewhere are refused', () => {
  it('at Entra: another directory, though its token is signed by the same keys', async () => {
    started = await startPresetLogin(rowOf('entraMultiTenant'));

    expect(await started.login(undefined, 'mallory')).toMatchObject(refused);
    expect(reasonsOf(started)).toContain('user_refused: tenant is not allowed');
  });

  it('at Entra: an allowed directory named by a token of another one', async () => {
    started = await startPresetLogin(rowOf('entraMultiTenant'));
    started.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, tid: '11111111-2222-4333-8444-555555555555' });

    expect(await started.login()).toMatchObject({ error: 'server_error' });
    expect(reasonsOf(started)).toContain('id_token_invalid: unexpected "iss" claim value');
  });

  it('at Google: an account outside the hosted domain', async () => {
    started = await startPresetLogin(rowOf('google'));

    expect(await started.login(undefined, 'bob')).toMatchObject(refused);
    expect(reasonsOf(started)).toContain('user_refused: claim hd is not as required');
  });

  it('at Auth0: an access token for another API than `audience`', async () => {
    started = await startPresetLogin(rowOf('auth0'));
    const { alice } = started.idp.users;
    started.idp.users.alice = { idToken: {}, ...alice, accessToken: { aud: 'https://other.example.com' } };

    expect(await started.login()).toMatchObject({ error: 'server_error' });
    expect(reasonsOf(started)).toContain('access_token_invalid: unexpected "aud" claim value');
  });

  it.each([
    ['for another client', { client_id: 'client_01OTHER' }, 'it was issued to another client'],
    ['for another audience', { aud: 'client_01OTHER' }, 'it was issued to another client'],
    [
      'of another issuer',
      { iss: 'https://api.workos.com/user_management/client_01OTHER' },
      'unexpected "iss" claim value',
    ],
    ['without a subject', { sub: '' }, 'sub is malformed'],
  ])('at WorkOS: an access token %s', async (_, claims, reason) => {
    started = await startPresetLogin(rowOf('workos'));
    const { alice } = started.idp.users;
    started.idp.users.alice = { idToken: {}, ...alice, accessToken: { ...alice?.accessToken, ...claims } };

    expect(await started.login()).toMatchObject({ error: 'server_error' });
    expect(reasonsOf(started)).toContain(`access_token_invalid: ${reason}`);
  });

  it('at GitHub: a code that it refuses with status 200', async () => {
    started = await startPresetLogin(rowOf('github'));
    started.idp.misbehave.token = () => ({ error: 'bad_verification_code' });

    expect(await started.login()).toMatchObject({ error: 'server_error' });
    expect(reasonsOf(started)).toContain('provider_refused_code: bad_verification_code');
  });
});

describe('a wrong client secret', () => {
  it.each(['okta', 'entra', 'github', 'cognito'])('is named in the event, and to nobody else: %s', async (profile) => {
    started = await startPresetLogin(rowOf(profile), { browserLogin: { clientSecret: 'of another application' } });

    expect(await started.login()).toMatchObject({
      error: 'server_error',
      error_description: 'the sign-in could not be verified',
    });
    expect(reasonsOf(started)).toContain('provider_refused_code: invalid_client');
  });
});

describe('roles that users give themselves do not count', () => {
  it('at Supabase: user_metadata, and the role of the database', async () => {
    started = await startPresetLogin(rowOf('supabase'));
    const { bob } = started.idp.users;
    started.idp.users.bob = { idToken: { ...bob?.idToken, user_metadata: { roles: ['admin'] } } };
    const { code } = await started.login(undefined, 'bob');
    const tokens = await started.client.redeem(String(code));

    expect((await started.userOf(tokens.json?.access_token)).data).toMatchObject({ roles: ['user'] });
  });

  it('at Cognito: roles of AWS and custom attributes', async () => {
    started = await startPresetLogin(rowOf('cognito'));
    const { bob } = started.idp.users;
    const claims = { 'cognito:roles': ['arn:aws:iam::1:role/admin'], 'custom:roles': 'admin', roles: ['admin'] };
    started.idp.users.bob = { idToken: { ...bob?.idToken, ...claims } };
    const { code } = await started.login(undefined, 'bob');
    const tokens = await started.client.redeem(String(code));

    expect((await started.userOf(tokens.json?.access_token)).data).toMatchObject({ roles: ['user'] });
  });
});
