import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConfigurationError,
  type McpOAuthOptions,
  mcpOAuth,
  memoryStorage,
  StorageUnavailableError,
} from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Answer, basic, createOAuthClient, type OAuthClient, postForm } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { introspectionClient } from './support.ts';

const elsewhere = 'https://files.example.com/mcp';
const other = { ...introspectionClient, client_id: 'other', client_secret: 'the secret of another client' };
let gateway: ObservedGateway;
let owner: OAuthClient;
let accessToken: string;
let refreshToken: string;
beforeAll(async () => {
  gateway = await startObservedGateway({
    options: () => ({
      clients: [introspectionClient, other],
      gateway: { introspectionClients: ['files'] },
      resources: [{ url: elsewhere }],
    }),
  });
  owner = await createOAuthClient(gateway.url);
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const { json } = await owner.redeem(await owner.login(createBrowser()));
  accessToken = String(json?.access_token);
  refreshToken = String(json?.refresh_token);
});

type Client = typeof introspectionClient;
const post = (path: string, { client_id, client_secret }: Client, token: string): Promise<Answer> =>
  postForm(`${gateway.url}/oauth/${path}`, { token }, basic(client_id, client_secret));

describe('a client of gateway.introspectionClients', () => {
  it('learns all of the access token of another client (RFC 7662 section 2.2)', async () => {
    const { answer, writes } = await gateway.observe(() => post('introspect', introspectionClient, accessToken));

    expect(answer.json).toEqual({
      active: true,
      aud: `${gateway.url}/mcp`,
      client_id: owner.clientId,
      exp: expect.any(Number),
      iat: expect.any(Number),
      iss: gateway.url,
      scope: 'mcp:tools',
      sub: expect.any(String),
      token_type: 'Bearer',
      idp: { iss: `${gateway.url}/oauth/dev-login`, sub: 'alice' },
      roles: [],
    });
    expect([answer.headers.get('cache-control'), writes]).toEqual(['no-store', []]);
  });

  it('learns who the user is at the identity provider, and the client of the token does not', async () => {
    const code = await owner.login(createBrowser(), { resource: elsewhere }, { name: 'bob', roles: 'admin' });
    const { json } = await owner.redeem(code, { resource: elsewhere });

    expect((await post('introspect', introspectionClient, String(json?.access_token))).json).toMatchObject({
      active: true,
      aud: elsewhere,
      idp: { iss: `${gateway.url}/oauth/dev-login`, sub: 'bob' },
      roles: ['admin'],
    });
    // An opaque token tells its client nothing (RFC 7662 section 5).
    const own = (await owner.introspect(String(json?.access_token))).json;
    expect(own).toMatchObject({ active: true, aud: elsewhere });
    expect(Object.keys(own ?? {})).not.toEqual(expect.arrayContaining(['idp']));
    expect(JSON.stringify(own)).not.toMatch(/"(?:bob|admin)"/);
  });

  it('learns nothing of refresh tokens, codes and tokens that are none', async () => {
    const code = await owner.login(createBrowser());

    for (const token of [refreshToken, code, 'unknown'])
      expect((await post('introspect', introspectionClient, token)).json).toEqual({ active: false });
  });

  it('learns only that a revoked token is inactive', async () => {
    await owner.revoke(refreshToken);

    expect((await post('introspect', introspectionClient, accessToken)).json).toEqual({ active: false });
  });

  it('is told to try again while the user cannot be looked up (DESIGN 4.10)', async () => {
    const { get } = gateway.storage;
    gateway.storage.get = (kind, id) =>
      kind === 'Identity' ? Promise.reject(new StorageUnavailableError('the test broke it')) : get(kind, id);
    try {
      const { answer, events } = await gateway.observe(() => post('introspect', introspectionClient, accessToken));
      const { status, json, headers } = answer;
      expect(events).toEqual(['storage.unavailable: the test broke it']);
      expect([status, json?.error, headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '5']);
      expect(JSON.stringify(json)).not.toContain('active');
    } finally {
      gateway.storage.get = get;
    }
  });

  it('cannot revoke the tokens of another client (RFC 7009 section 2.1)', async () => {
    for (const token of [accessToken, refreshToken]) {
      const { answer, writes } = await gateway.observe(() => post('revoke', introspectionClient, token));
      expect([answer.status, writes]).toEqual([200, []]);
    }

    expect((await owner.introspect(accessToken)).json?.active).toBe(true);
  });

  it('must authenticate (RFC 7662 section 2.1)', async () => {
    const wrong = { ...introspectionClient, client_secret: 'not the secret that was given' };

    expect(await post('introspect', wrong, accessToken)).toMatchObject({
      status: 401,
      json: { error: 'invalid_client' },
    });
    const unauthenticated = { token: accessToken, client_id: introspectionClient.client_id };
    const answer = await postForm(`${gateway.url}/oauth/introspect`, unauthenticated);
    expect(answer.json?.active).toBeUndefined();
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });
});

it('a confidential client that is not listed learns nothing of the tokens of others', async () => {
  expect((await post('introspect', other, accessToken)).json).toEqual({ active: false });
});

describe('the option gateway.introspectionClients', () => {
  const issuer = 'http://127.0.0.1:3000';
  const publicClient = { client_id: 'public', redirect_uris: ['http://127.0.0.1:1/callback'] };
  const keyClient = {
    client_id: 'keys',
    redirect_uris: ['https://files.example.com/unused'],
    jwks: { keys: [{ kty: 'EC' }] },
  };

  function problemOf(introspectionClients: unknown): string {
    const options = {
      issuer,
      browserLogin: { url: `${issuer}/oauth/dev-login` },
      storage: memoryStorage(),
      clients: [introspectionClient, publicClient, keyClient],
      gateway: { introspectionClients },
    };
    try {
      void mcpOAuth(options as McpOAuthOptions).close();
      return '';
    } catch (error) {
      return (error as ConfigurationError).message;
    }
  }

  it('takes ids of confidential clients that the option clients lists', () => {
    for (const ids of [undefined, [], ['files'], ['files', 'keys']]) expect(problemOf(ids)).toBe('');
  });

  it.each([
    ['an unknown client', ['nobody']],
    ['a public client', ['public']],
    ['a public client beside a good one', ['files', 'public']],
    ['something else than text', [7]],
  ])('refuses %s at start', (_what, ids) => {
    expect(problemOf(ids)).toBe(
      'mcpOAuth(options):\n  gateway.introspectionClients: must be an array of ids of confidential clients that the option clients lists, got array',
    );
    expect(() => mcpOAuth({} as never)).toThrow(ConfigurationError);
  });
});
