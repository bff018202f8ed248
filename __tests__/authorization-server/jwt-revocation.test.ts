import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { createOAuthClient, type OAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let owner: OAuthClient;
let stranger: OAuthClient;
let accessToken: string;
let refreshToken: string;

beforeAll(async () => {
  gateway = await startObservedGateway({
    options: () => ({ gateway: { accessTokenFormat: 'jwt', tokenCacheSeconds: 60 } }),
  });
  [owner, stranger] = [await createOAuthClient(gateway.url), await createOAuthClient(gateway.url)];
});
afterAll(() => gateway.close());
beforeEach(async () => {
  const { json } = await owner.redeem(await owner.login(createBrowser()));
  accessToken = String(json?.access_token);
  refreshToken = String(json?.refresh_token);
});

const use = async (token: string) =>
  (await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${token}` } })).status;

/** The token with other claims under its own signature. */
function withClaims(change: object): string {
  const [head, claims = '', signature] = accessToken.split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), ...change };
  return [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}

describe('revocation of a JWT access token', () => {
  it('ends it at once, also one used just before, and the refresh token with it (RFC 7009 section 2.1)', async () => {
    expect(await use(accessToken)).toBe(200);

    const answer = await owner.revoke(accessToken, { token_type_hint: 'access_token' });

    expect([answer.status, answer.text, answer.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
    expect(await use(accessToken)).toBe(401);
    expect((await owner.refresh(refreshToken)).json?.error).toBe('invalid_grant');
  });

  it.each([
    ['sent by another client', async () => stranger.revoke(accessToken)],
    ['with another grant under its signature', async () => owner.revoke(withClaims({ gid: 'another' }))],
    [
      'with another client under its signature',
      async () => stranger.revoke(withClaims({ client_id: stranger.clientId })),
    ],
    ['without signature', async () => owner.revoke(accessToken.split('.').slice(0, 2).join('.').concat('.'))],
  ])('answers 200 and ends nothing: %s (RFC 7009 section 2.2)', async (_name, revoke) => {
    const answer = await revoke();

    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(await use(accessToken)).toBe(200);
    expect((await owner.refresh(refreshToken)).status).toBe(200);
  });

  it('needs a client (RFC 7009 section 2.1)', async () => {
    const answer = await postForm(`${gateway.url}/oauth/revoke`, { token: accessToken, client_id: 'nobody' });

    expect([answer.status, answer.json?.error]).toEqual([401, 'invalid_client']);
    expect(await use(accessToken)).toBe(200);
  });
});
