import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { basic, createOAuthClient, type OAuthClient, postJson, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let owner: OAuthClient;
let stranger: OAuthClient;
let confidential: OAuthClient;
let accessToken: string;
let refreshToken: string;
beforeAll(async () => {
  gateway = await startObservedGateway();
  owner = await createOAuthClient(gateway.url);
  stranger = await createOAuthClient(gateway.url);
  confidential = await createOAuthClient(gateway.url, {
    redirect_uris: ['https://client.example/callback'],
    token_endpoint_auth_method: 'client_secret_basic',
  });
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const { json } = await owner.redeem(await owner.login(createBrowser()));
  accessToken = String(json?.access_token);
  refreshToken = String(json?.refresh_token);
});

const use = async (token: string) =>
  (await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${token}` } })).status;

describe('revocation', () => {
  it.each(['access_token', 'refresh_token', undefined, 'no_such_type'])(
    'answers 200 for an unknown token with hint %s, and does nothing (RFC 7009 section 2.2)',
    async (hint) => {
      const { answer, events, writes } = await gateway.observe(() =>
        owner.revoke('unknown', { token_type_hint: hint }),
      );

      expect([answer.status, answer.text, answer.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
      expect([events, writes]).toEqual([[], []]);
    },
  );

  it('of the refresh token ends the access token at once, also one used just before (RFC 7009 section 2.1)', async () => {
    expect(await use(accessToken)).toBe(200);

    const { answer, events } = await gateway.observe(() => owner.revoke(refreshToken));

    expect(answer.status).toBe(200);
    expect(events).toEqual(['token.revoked']);
    expect(await use(accessToken)).toBe(401);
    expect((await owner.refresh(refreshToken)).json?.error).toBe('invalid_grant');
  });

  it('of the access token ends it at once, and the refresh token with it (RFC 7009 section 2.1)', async () => {
    expect(await use(accessToken)).toBe(200);

    expect((await owner.revoke(accessToken)).status).toBe(200);

    expect(await use(accessToken)).toBe(401);
    expect((await owner.refresh(refreshToken)).json?.error).toBe('invalid_grant');
  });

  it('twice is as good as once', async () => {
    await owner.revoke(refreshToken);

    const { answer, events, writes } = await gateway.observe(() => owner.revoke(refreshToken));

    expect([answer.status, events, writes]).toEqual([200, [], []]);
  });

  it('leaves the other sign-ins of the same client and person alone (RFC 7009 section 2.1)', async () => {
    const { json } = await owner.redeem(await owner.login(createBrowser()));

    await owner.revoke(refreshToken);

    expect(await use(String(json?.access_token))).toBe(200);
    expect((await owner.refresh(String(json?.refresh_token))).status).toBe(200);
  });

  it.each([
    ['a public client', () => stranger],
    ['a confidential client', () => confidential],
  ])(
    'by %s leaves the token of another client alone, and does not say that it exists (RFC 7009 section 2.1)',
    async (_what, other) => {
      for (const token of [accessToken, refreshToken]) {
        const { answer, writes } = await gateway.observe(() => other().revoke(token));

        expect([answer.status, answer.text, writes]).toEqual([200, '', []]);
      }
      expect(await use(accessToken)).toBe(200);
      expect((await owner.refresh(refreshToken)).status).toBe(200);
    },
  );

  it('by an unknown client, or with a wrong secret, is refused and ends nothing (RFC 7009 section 2.1)', async () => {
    const unknown = await gateway.observe(() => owner.revoke(refreshToken, { client_id: 'unknown' }));
    const wrong = await gateway.observe(() =>
      confidential.revoke(refreshToken, {}, basic(confidential.clientId, 'wrong')),
    );

    expect(unknown.answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect(unknown.events).toEqual(['token.refused: invalid_client: client not found']);
    expect(wrong.answer).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect(wrong.events).toEqual(['token.refused: invalid_client: invalid secret provided']);
    expect([...unknown.writes, ...wrong.writes]).toEqual([]);
    expect(await use(accessToken)).toBe(200);
  });

  it.each([
    ['no token', { token: undefined }, "missing required parameter 'token'"],
    ['two tokens', { token: ['a', 'b'] }, "'token' parameter must not be provided twice"],
  ])('of %s is refused as JSON (RFC 7009 section 2.2.1)', async (_what, parameters, reason) => {
    const { answer, events, writes } = await gateway.observe(() => owner.revoke('', parameters));

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request', error_description: reason } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect([events, writes]).toEqual([[`token.refused: invalid_request: ${reason}`], []]);
  });
});

describe('introspection', () => {
  it('describes its own access token to a public client (RFC 7662 section 2.2)', async () => {
    const { answer, events, writes } = await gateway.observe(() => owner.introspect(accessToken));

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
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect([events, writes]).toEqual([[], []]);
  });

  it.each([
    ['another public client', () => stranger.introspect(accessToken)],
    ['another confidential client', () => confidential.introspect(accessToken)],
    ['another client, of the refresh token', () => stranger.introspect(refreshToken)],
    ['its owner, of an unknown token', () => owner.introspect('unknown')],
    ['its owner, with a wrong hint of an unknown token', () => owner.introspect('x', { token_type_hint: 'nothing' })],
  ])('tells %s only that it is inactive (RFC 7662 section 2.2)', async (_who, work) => {
    const { answer, writes } = await gateway.observe(work);

    expect([answer.status, answer.json, writes]).toEqual([200, { active: false }, []]);
  });

  it('tells the owner of a revoked token only that it is inactive', async () => {
    await owner.revoke(refreshToken);

    expect((await owner.introspect(accessToken)).json).toEqual({ active: false });
    expect((await owner.introspect(refreshToken)).json).toEqual({ active: false });
  });

  it('describes no code (RFC 7662 section 2.2)', async () => {
    const code = await owner.login(createBrowser());

    expect((await owner.introspect(code)).json).toEqual({ active: false });
    expect((await owner.redeem(code)).status).toBe(200);
  });

  it.each<[string, () => Promise<unknown>, number, string]>([
    ['without a client', () => owner.introspect(accessToken, { client_id: undefined }), 400, 'invalid_request'],
    ['by an unknown client', () => owner.introspect(accessToken, { client_id: 'unknown' }), 401, 'invalid_client'],
    [
      'with a wrong secret',
      () => confidential.introspect(accessToken, {}, basic(confidential.clientId, 'wrong')),
      401,
      'invalid_client',
    ],
    ['without a token', () => owner.introspect('', { token: undefined }), 400, 'invalid_request'],
    ['of JSON', () => postJson(`${gateway.url}/oauth/introspect`, { token: accessToken }), 400, 'invalid_request'],
    ['by GET', () => send(`${gateway.url}/oauth/introspect?token=${accessToken}`), 405, 'invalid_request'],
  ])('%s is refused as JSON (RFC 7662 section 2.1)', async (_how, work, status, error) => {
    const { answer, events, writes } = await gateway.observe(work);

    expect(answer).toMatchObject({ status, json: { error } });
    expect((answer as { headers: Headers }).headers.get('cache-control')).toBe('no-store');
    expect(events).toEqual([expect.stringMatching(/^token\.refused: /)]);
    expect(writes).toEqual([]);
  });
});
