import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { createDpopKey } from '../dpop/support.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, basic, type Parameters, postForm, send } from '../helpers/oauth-client.ts';
import { callWith } from './support.ts';

const machine = { client_id: 'machine', client_secret: 'a secret of the machine' };
const narrow = { client_id: 'narrow', client_secret: 'a secret of the narrow one' };
const grant_types = ['client_credentials'];
const outcome = ({ status, json }: Answer) => [status, json?.error ?? json?.scope];

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({
    options: () => ({
      clients: [
        { ...machine, grant_types },
        { ...narrow, grant_types, resource_scopes: { '/files': ['files:read', 'unknown'] } },
        { client_id: 'people', client_secret: 'a secret of an app', redirect_uris: ['https://app.example/cb'] },
      ],
      gateway: { dpop: true },
    }),
    routes: (app, auth) => {
      const show = (req: object, res: { json(body: unknown): unknown }) => res.json((req as { user?: unknown }).user);
      app.all('/mcp', auth.authenticate('/mcp', { optionalScopes: ['admin'], default: true }), show);
      const files = { scopes: ['files:read'], optionalScopes: ['files:write'], accessTokenFormat: 'jwt' as const };
      app.all('/files', auth.authenticate('/files', { ...files, accessTokenTtlSeconds: 60 }), show);
    },
  });
});
afterAll(() => gateway.close());

const ask = (parameters: Parameters = {}, headers: Record<string, string> = {}) =>
  postForm(`${gateway.url}/oauth/token`, { grant_type: 'client_credentials', ...machine, ...parameters }, headers);
const files = () => ({ resource: `${gateway.url}/files` });

describe('client credentials', () => {
  it('give a token whose user is the client, and no refresh token (RFC 6749 section 4.4)', async () => {
    const answer = await ask();
    expect(answer.json).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'mcp:tools',
    });
    expect((await callWith(gateway.url, answer)).json).toEqual({
      sub: 'machine',
      iss: `${gateway.url}/client`,
      data: { roles: [], clientId: 'machine' },
    });
    expect((await callWith(gateway.url, answer, '/files')).status).toBe(401);
  });

  it('may come in the header as well', async () => {
    const { client_id, client_secret } = machine;
    const answer = await ask({ client_id: undefined, client_secret: undefined }, basic(client_id, client_secret));
    expect(outcome(answer)).toEqual([200, 'mcp:tools']);
  });

  it('are for one resource, in its format and for its lifetime (RFC 8707 section 2.2)', async () => {
    const answer = await ask(files());
    expect(answer.json).toMatchObject({ scope: 'files:read', expires_in: 60 });
    expect((await callWith(gateway.url, answer, '/files')).json).toMatchObject({ sub: 'machine' });
    expect(decodeJwt(String(answer.json?.access_token))).toMatchObject({
      client_id: 'machine',
      aud: `${gateway.url}/files`,
      idp: { iss: `${gateway.url}/client`, sub: 'machine' },
    });
  });

  it.each<[string, Parameters, unknown[]]>([
    ['what every request needs, where nothing is asked for', {}, [200, 'mcp:tools']],
    ['that, too, where more is asked for', { scope: 'mcp:tools admin' }, [200, 'mcp:tools']],
    ['nothing else, where only that is asked for', { scope: 'admin' }, [400, 'invalid_scope']],
    ['what the operator gave', { ...narrow, resource: '/files' }, [200, 'files:read']],
    ['no more than the operator gave', { ...narrow, resource: '/files', scope: 'files:write' }, [400, 'invalid_scope']],
    ['nothing of a resource that the operator left out', { ...narrow, resource: '/mcp' }, [400, 'invalid_target']],
    ['nothing of an unknown resource', { resource: '/unknown' }, [400, 'invalid_target']],
    ['nothing of two resources', { resource: ['/mcp', '/files'] }, [400, 'invalid_target']],
  ])('give %s', async (_what, parameters, expected) => {
    const absolute = [parameters.resource ?? []].flat().map((path) => gateway.url + path);
    expect(outcome(await ask({ ...parameters, resource: absolute }))).toEqual(expected);
  });

  it('tell in the event why, and on the wire only what RFC 8707 does', async () => {
    const before = gateway.events.length;
    await ask({ ...narrow, resource: `${gateway.url}/mcp` });
    await ask({ resource: `${gateway.url}/unknown` });
    expect(gateway.events.slice(before).map(({ reason }) => reason)).toEqual([
      'invalid_target: client_credentials: resource_not_granted',
      'invalid_target: client_credentials: resource_unknown',
    ]);
  });

  it('that are wrong, or missing, or of a client without this grant are refused', async () => {
    const answers = [
      await ask({ client_secret: 'a wrong secret' }),
      await ask({ client_secret: undefined }),
      await ask({ client_id: 'people', client_secret: 'a secret of an app' }),
    ];
    expect(answers.map(outcome)).toEqual([
      [401, 'invalid_client'],
      [401, 'invalid_client'],
      [400, 'invalid_request'],
    ]);
  });

  it('end with the revocation of their client, or of their token (RFC 7009 section 2.1)', async () => {
    const [one, other] = [await ask(), await ask(files())];
    const token = String(one.json?.access_token);
    await postForm(`${gateway.url}/oauth/revoke`, { ...machine, token });
    const statuses = async () => [
      (await callWith(gateway.url, one)).status,
      (await callWith(gateway.url, other, '/files')).status,
    ];
    expect(await statuses()).toEqual([401, 200]);
    const { grants } = await gateway.auth.revoke({ clientId: 'machine' });
    expect(grants).toBeGreaterThanOrEqual(1);
    expect(await statuses()).toEqual([401, 401]);
  });

  it('with a proof give a token bound to its key (RFC 9449 section 5)', async () => {
    const key = await createDpopKey();
    const proof = await key.proof({ method: 'POST', url: `${gateway.url}/oauth/token` });
    const answer = await ask({}, { dpop: proof });
    expect(answer.json?.token_type).toBe('DPoP');
    expect((await callWith(gateway.url, answer)).status).toBe(401);
    expect(outcome(await ask({}, { dpop: proof }))).toEqual([400, 'invalid_grant']); // The proof again.
  });

  it('are named in metadata with the ways to authenticate (MCP OAuth Client Credentials, Server Metadata)', async () => {
    const { json } = await send(`${gateway.url}/.well-known/oauth-authorization-server`);
    expect(json).toMatchObject({
      grant_types_supported: expect.arrayContaining(['client_credentials']),
      token_endpoint_auth_methods_supported: expect.arrayContaining(['client_secret_basic', 'private_key_jwt']),
      token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['ES256', 'RS256']),
    });
    expect(json).not.toHaveProperty('authorization_grant_profiles_supported');
  });
});
