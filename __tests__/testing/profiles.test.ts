import { afterEach, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import {
  type Fact,
  type FakeIdentityProvider,
  type ProviderName,
  type ProviderProfile,
  providerProfiles,
  startIdentityProvider,
} from '../../lib/testing.ts';
import { send } from '../helpers/oauth-client.ts';
import { authorizationUrl, redeem, redirectUri, requestTokens, signIn } from './client.ts';

const profiles = Object.entries<ProviderProfile>(providerProfiles) as [ProviderName, ProviderProfile][];

let idp: FakeIdentityProvider;
const start = async (profile: ProviderName) => {
  idp = await startIdentityProvider({ profile, redirectUris: [redirectUri] });
};
afterEach(() => idp?.close());

it.each(profiles)('names the source of every fact, and the endpoints of a login: %s', (name, profile) => {
  const facts = { ...profile.metadata, ...profile.behaviour } as Record<string, Fact<unknown>>;
  expect(
    Object.values(facts).filter(({ source, confirmed }) => source === '' || typeof confirmed !== 'boolean'),
  ).toEqual([]);
  expect(Object.keys(profile.metadata)).toEqual(
    expect.arrayContaining(['issuer', 'authorization_endpoint', 'token_endpoint']),
  );
  expect(profile.name).toBe(name);
  expect(Object.keys(profile.users)).toEqual(expect.arrayContaining(['alice', 'bob']));
});

it.each(profiles)('signs in on plain loopback, all hosts in one: %s', async (name, { behaviour }) => {
  await start(name);
  const urls = Object.values(idp.metadata).filter((value) => typeof value === 'string' && value.includes('://'));
  expect(urls.filter((url) => !String(url).startsWith(`${idp.url}/`) && url !== idp.url)).toEqual([]);

  const { json, text } = await redeem(idp, signIn(idp).code, {}, { accept: 'application/json' });
  const token = behaviour.idToken.value ? json?.id_token : json?.access_token;
  if (typeof idp.metadata.jwks_uri === 'string') {
    const issuer = idp.issuer.replace('{tenantid}', '8eaef023-2b34-4da1-9baa-8bc8c9d6a490');
    const { payload } = await jwtVerify(String(token), createRemoteJWKSet(new URL(idp.metadata.jwks_uri)), { issuer });
    expect(payload.sub).toBe(idp.users.alice?.idToken.sub);
    expect(decodeProtectedHeader(String(token)).alg).toBe(behaviour.signingAlgorithm.value);
  }
  expect(String(json?.access_token).split('.').length === 3).toBe(behaviour.accessToken.value === 'jwt');
  expect(text.includes('refresh_token')).toBe(behaviour.refreshToken.value === 'always');
});

describe('a profile behaves like its provider', () => {
  const error = async (parameters: Record<string, string>) => signIn(idp, parameters).error;

  it('entra: refuses `resource`, and its keys do not name their algorithm', async () => {
    await start('entra');
    expect(await error({ resource: 'https://mcp.example.com/mcp' })).toBe('invalid_target');
    const { text } = await send(String(idp.metadata.jwks_uri));
    expect(JSON.parse(text).keys).toEqual([expect.not.objectContaining({ alg: expect.anything() })]);
  });

  it('entraMultiTenant: the issuer of its document is a template, that of a token is not', async () => {
    await start('entraMultiTenant');
    const discovery = `${idp.url}/organizations/v2.0/.well-known/openid-configuration`;
    expect((await send(discovery)).json?.issuer).toBe(`${idp.url}/{tenantid}/v2.0`);
    expect((await send(`${idp.url}/{tenantid}/v2.0/.well-known/openid-configuration`)).status).toBe(404);
  });

  it('cognito: reads `+` literally, refuses offline_access, keeps its refresh tokens', async () => {
    await start('cognito');
    const spaces = authorizationUrl(idp).replaceAll('%20', '+');
    expect(new URL(idp.signIn(spaces, 'alice')).searchParams.get('error')).toBe('invalid_scope');
    expect(await error({ scope: 'openid offline_access' })).toBe('invalid_scope');
    const { json } = await redeem(idp, signIn(idp).code);
    const refresh = { grant_type: 'refresh_token', refresh_token: String(json?.refresh_token) };
    expect((await requestTokens(idp, refresh)).json).not.toHaveProperty('refresh_token');
    expect((await requestTokens(idp, refresh)).json).toHaveProperty('id_token');
  });

  it('google: a refresh token needs access_type=offline and consent; offline_access is no scope of it', async () => {
    await start('google');
    expect(await error({ scope: 'openid offline_access' })).toBe('invalid_scope');
    const refreshTokenOf = async (parameters: Record<string, string>) =>
      (await redeem(idp, signIn(idp, parameters).code)).json?.refresh_token;
    expect(await refreshTokenOf({ access_type: 'offline' })).toBeUndefined();
    expect(await refreshTokenOf({ access_type: 'offline', prompt: 'consent' })).toEqual(expect.any(String));
  });

  it('logto: a refresh token needs offline_access and consent', async () => {
    await start('logto');
    const scope = 'openid offline_access';
    expect((await redeem(idp, signIn(idp, { scope }).code)).json).not.toHaveProperty('refresh_token');
    expect((await redeem(idp, signIn(idp, { scope, prompt: 'consent' }).code)).json).toHaveProperty('refresh_token');
  });

  it('github: answers in forms unless JSON is asked for, errors with status 200, and wants a User-Agent', async () => {
    await start('github');
    const form = await redeem(idp, signIn(idp).code);
    const refused = await redeem(idp, 'no code', {}, { accept: 'application/json' });
    const token = new URLSearchParams(form.text).get('access_token');
    const user = (headers: Record<string, string>) =>
      send(String(idp.metadata.userinfo_endpoint), { headers: { authorization: `Bearer ${token}`, ...headers } });

    expect(form.headers.get('content-type')).toBe('application/x-www-form-urlencoded');
    expect([refused.status, refused.json?.error]).toEqual([200, 'bad_verification_code']);
    expect([(await user({})).status, (await user({ 'user-agent': 'test' })).json?.id]).toEqual([403, 583231]);
    expect((await send(`${idp.issuer}/.well-known/openid-configuration`)).status).toBe(404);
  });

  it('entra: its errors have numbers and several lines; okta: an unknown client is told in a form of its own', async () => {
    await start('entra');
    const entra = await redeem(idp, signIn(idp).code, { client_secret: 'wrong' });
    expect([entra.status, entra.json]).toEqual([
      401,
      expect.objectContaining({ error: 'invalid_client', error_codes: [7000215] }),
    ]);
    expect(entra.json?.error_description).toMatch(/^AADSTS7000215: .*\r\nTrace ID: /);
    await idp.close();

    await start('okta');
    const okta = await redeem(idp, signIn(idp).code, { client_id: 'another' });
    expect([okta.status, okta.json?.errorCode, okta.json?.error]).toEqual([401, 'invalid_client', undefined]);
    expect((await redeem(idp, signIn(idp).code, { client_secret: 'wrong' })).json?.error).toBe('invalid_client');
  });

  it('workos: tells a user beside its tokens, and no token type', async () => {
    await start('workos');
    const { json } = await redeem(idp, signIn(idp).code);
    expect(Object.keys(json ?? {}).sort()).toEqual(['access_token', 'authentication_method', 'refresh_token', 'user']);
  });

  it('auth0 and authentik: their issuers end with a slash', async () => {
    await start('auth0');
    expect(idp.issuer).toBe(`${idp.url}/`);
    await idp.close();
    await start('authentik');
    expect(idp.issuer).toBe(`${idp.url}/application/o/gateway/`);
    expect((await send(`${idp.issuer}.well-known/openid-configuration`)).json?.issuer).toBe(idp.issuer);
  });
});
