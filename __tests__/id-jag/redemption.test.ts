import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createGrants } from '../../lib/grants/grants.ts';
import { accountIdOf } from '../../lib/shared/identity.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { type Answer, createOAuthClient, register, send } from '../helpers/oauth-client.ts';
import { agent, callWith, jwtBearer, type Redemption, startRedemption } from './support.ts';

let redemption: Redemption;
const url = () => redemption.gateway.url;
const sound = (claims: Record<string, unknown> = {}) => redemption.idp.assertion({ claims });
const outcome = ({ status, json }: Answer) => [status, json?.error ?? json?.scope];

beforeAll(async () => {
  redemption = await startRedemption({
    clients: [
      {
        client_id: 'machine',
        client_secret: 'a secret of the machine',
        grant_types: ['client_credentials', jwtBearer],
      },
    ],
  });
});
afterAll(() => redemption.close());

describe('a sound ID-JAG', () => {
  it('gives an access token of its resource and user, and no refresh token (ID-JAG draft section 4.4)', async () => {
    const { answer, events, writes } = await redemption.observe(await sound({ email: 'alice@acme.example' }));

    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'mcp:tools',
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(events).toEqual(['id_jag.accepted', 'token.issued']);
    // The last check is the first write.
    expect(writes).toEqual(['create IdJag', 'create Identity', 'create Grant + AccessToken']);

    const user = await callWith(url(), answer);
    expect(user.json).toEqual({
      sub: 'alice',
      iss: redemption.idp.issuer,
      data: { roles: [], clientId: 'agent', email: 'alice@acme.example' },
    });
    expect((await callWith(url(), answer, '/other')).status).toBe(401);
  });

  it('is told in events with user, provider, client and flow, and never with the assertion (MCP EMA section 7.4.2)', async () => {
    const assertion = await sound();
    const before = redemption.gateway.events.length;
    await redemption.present(assertion);
    const [accepted, issued] = redemption.gateway.events.slice(before);
    const subject = accountIdOf({ iss: redemption.idp.issuer, sub: 'alice' });

    expect(accepted).toMatchObject({ clientId: 'agent', subject, identityIssuer: redemption.idp.issuer });
    expect(issued).toMatchObject({ flowId: accepted?.flowId, grantType: jwtBearer, resource: `${url()}/mcp` });
    const parts = assertion.split('.');
    expect(parts.filter((part) => JSON.stringify(redemption.gateway.events).includes(part))).toEqual([]);
  });

  it('writes the user’s record once, not with every assertion', async () => {
    const claims = { sub: 'frequent', email: 'one@acme.example' };
    await redemption.present(await sound(claims));
    const same = await redemption.observe(await sound(claims));
    const other = await redemption.observe(await sound({ ...claims, email: 'two@acme.example' }));
    expect(same.writes).toEqual(['create IdJag + Grant + AccessToken']);
    expect(other.writes).toEqual(['create IdJag', 'replace Identity', 'create Grant + AccessToken']);
    expect((await callWith(url(), other.answer)).json).toMatchObject({ data: { email: 'two@acme.example' } });
  });

  it('that comes again does not bring back what it once said of the user', async () => {
    const earlier = await sound({ sub: 'demoted', email: 'earlier@acme.example' });
    expect((await redemption.present(earlier)).status).toBe(200);
    const later = await redemption.present(await sound({ sub: 'demoted', email: 'later@acme.example' }));
    expect(await redemption.observe(earlier)).toMatchObject({
      answer: { status: 400 },
      events: [expect.stringContaining('id_jag: replayed')],
      writes: ['create IdJag'],
    });
    expect((await callWith(url(), later)).json).toMatchObject({ data: { email: 'later@acme.example' } });
  });

  it('finds the keys with the first assertion and fetches them no more', async () => {
    expect(redemption.idp.requests).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });
});

describe('the scope of the token', () => {
  it.each([
    ['what is asserted', 'mcp:tools files:write', undefined, 'mcp:tools files:write'],
    ['what is asked for, of that', 'mcp:tools files:write', 'mcp:tools', 'mcp:tools'],
    ['never more than asserted', 'mcp:tools', 'mcp:tools files:write', 'mcp:tools'],
    ['never what is not ours', 'mcp:tools admin', 'mcp:tools admin', 'mcp:tools'],
    ['what every request needs, where nothing is asserted', undefined, 'mcp:tools files:write', 'mcp:tools'],
    ['unmoved by scopes of OpenID Connect', 'mcp:tools', 'openid offline_access', 'mcp:tools'],
  ])('is %s (MCP EMA section 7.2.1)', async (_what, asserted, requested, granted) => {
    expect(outcome(await redemption.present(await sound({ scope: asserted }), { scope: requested }))).toEqual([
      200,
      granted,
    ]);
  });
});

describe('the resource of the token', () => {
  it.each<[string, unknown, string | undefined, string]>([
    ['the asserted one', '/other', undefined, '/other'],
    ['the asserted one, named twice', ['/other', '/other/'], undefined, '/other'],
    ['the asserted one in another spelling', '/OTHER/../other/', undefined, '/other'],
    ['the one asked for, where both are asserted', ['/mcp', '/other'], '/other', '/other'],
    ['the default, where both are asserted and none is asked for', ['/mcp', '/other'], undefined, '/mcp'],
    ['the default, where none is asserted', undefined, undefined, '/mcp'],
    ['the one asked for, where none is asserted', undefined, '/other', '/other'],
  ])('is %s (MCP EMA section 5.1)', async (_what, asserted, requested, path) => {
    const absolute = (name: unknown) => `${url()}${name}`;
    const resource = Array.isArray(asserted) ? asserted.map(absolute) : asserted && absolute(asserted);
    const assertion = await sound({ resource, scope: path === '/mcp' ? 'mcp:tools' : 'other' });
    const answer = await redemption.present(assertion, { resource: requested && absolute(requested) });
    expect(answer.status).toBe(200);
    expect((await callWith(url(), answer, path)).status).toBe(200);
    expect((await callWith(url(), answer, path === '/mcp' ? '/other' : '/mcp')).status).toBe(401);
  });
});

describe('several asserted resources', () => {
  it('need one of them to be asked for, where the default is not among them (RFC 8707 section 2.2)', async () => {
    const resource = [`${url()}/other`, `${url()}/third`];
    const { answer, events } = await redemption.observe(await sound({ resource, scope: 'other' }));
    expect(outcome(answer)).toEqual([400, 'invalid_target']);
    expect(events).toEqual(['token.refused: invalid_target: id_jag: resource_needed']);
  });
});

describe('the grant', () => {
  const issuer = () => parseIssuer(url()) as Issuer;
  const grantsOf = async (sub: string) => {
    const grants = createGrants({ storage: redemption.gateway.storage, grantSeconds: 1000, onEnded: () => {} });
    return (await grants.list(issuer(), accountIdOf({ iss: redemption.idp.issuer, sub }))).grants;
  };

  it('is in the list of the user’s grants, as long as its token lives, and can be revoked', async () => {
    const answer = await redemption.present(await sound({ sub: 'carol' }));
    const [grant, ...others] = await grantsOf('carol');
    expect(others).toEqual([]);
    expect(grant).toMatchObject({ clientId: 'agent', resource: `${url()}/mcp`, scopes: ['mcp:tools'] });
    expect(Number(grant?.expiresAt) - Number(grant?.createdAt)).toBe(910);

    expect(await redemption.gateway.auth.revoke({ sub: 'carol', idp: redemption.idp.issuer })).toEqual({ grants: 1 });
    expect((await callWith(url(), answer)).status).toBe(401);
    expect(await grantsOf('carol')).toEqual([]);
  });

  it('ends with the revocation of its token by the client (RFC 7009 section 2.1)', async () => {
    const answer = await redemption.present(await sound({ sub: 'dave' }));
    const body = new URLSearchParams({ ...agent, token: String(answer.json?.access_token) }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await send(`${url()}/oauth/revoke`, { body, headers })).status).toBe(200);
    expect((await callWith(url(), answer)).status).toBe(401);
    expect(await grantsOf('dave')).toEqual([]);
  });

  it('of other assertions of the same user goes on', async () => {
    const [one, other] = [
      await redemption.present(await sound({ sub: 'erin' })),
      await redemption.present(await sound({ sub: 'erin' })),
    ];
    const body = new URLSearchParams({ ...agent, token: String(one.json?.access_token) }).toString();
    await send(`${url()}/oauth/revoke`, { body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect([(await callWith(url(), one)).status, (await callWith(url(), other)).status]).toEqual([401, 200]);
  });
});

describe('metadata', () => {
  it('names the grant and its profile, and no trusted issuer (ID-JAG draft section 7.2)', async () => {
    const { json, text } = await send(`${url()}/.well-known/oauth-authorization-server`);
    expect(json).toMatchObject({
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
      grant_types_supported: expect.arrayContaining([jwtBearer, 'client_credentials']),
    });
    expect(text).not.toContain(redemption.idp.issuer);
  });
});

describe('a client that registered itself', () => {
  it('is told which grants it got: those of self-service, also where it authenticates (RFC 7591 section 3.2.1)', async () => {
    const { json } = await register(url(), {
      redirect_uris: ['https://client.example/callback'],
      grant_types: ['authorization_code', jwtBearer, 'client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
      resource_scopes: { '/mcp': ['files:write'] },
    });
    expect(json?.grant_types).toEqual(['authorization_code']);
    expect(json).not.toHaveProperty('resource_scopes');
  });

  it('never gets the grant, whatever it registers (RFC 9700 section 2.4)', async () => {
    const client = await createOAuthClient(url(), {
      grant_types: ['authorization_code', jwtBearer, 'client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
      resource_scopes: { '/mcp': ['files:write'] },
    });
    const credentials = { client_id: client.clientId, client_secret: String(client.clientSecret) };
    const assertion = await sound({ client_id: client.clientId });
    const refused = [
      await redemption.present(assertion, credentials),
      await redemption.present(undefined, { ...credentials, grant_type: 'client_credentials' }),
    ];
    expect(refused.map(({ status, json }) => [status, json?.error_description])).toEqual([
      [400, 'requested grant type is not allowed for this client'],
      [400, 'requested grant type is not allowed for this client'],
    ]);
  });

  it('does not get it by a record that was changed in the store', async () => {
    const { storage } = redemption.gateway;
    const client = await createOAuthClient(url(), { token_endpoint_auth_method: 'client_secret_post' });
    const { hash } = await import('node:crypto');
    const id = `${(parseIssuer(url()) as Issuer).tag}:${hash('sha256', client.clientId, 'base64url')}`;
    const record = await storage.get('Client', id);
    await storage.put('Client', id, { ...record?.value, grant_types: ['authorization_code', jwtBearer] });
    const credentials = { client_id: client.clientId, client_secret: String(client.clientSecret) };
    const answer = await redemption.present(await sound({ client_id: client.clientId }), credentials);
    expect([answer.status, answer.json?.error_description]).toEqual([
      400,
      'requested grant type is not allowed for this client',
    ]);
  });
});
