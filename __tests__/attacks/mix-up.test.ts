/** Mix-up: whose answer a client or this server takes, when another server or another tab answers in its place */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { callbackOf, createOAuthClient, type Parameters } from '../helpers/oauth-client.ts';
import { startTarget, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterEach(() => target.reset());
afterAll(() => target.close());

describe('every answer at a redirect URI says who gives it, once (RFC 9207 section 2)', () => {
  it('a code', async () => {
    const page = await target.signIn();
    const { searchParams } = new URL(page.location ?? '');
    expect(searchParams.getAll('iss')).toEqual([target.url]);
    expect(searchParams.getAll('state')).toEqual(['the state']);
    expect([...searchParams.keys()].sort()).toEqual(['code', 'iss', 'state']);
  });

  it.each<[string, Parameters]>([
    ['login_required', { prompt: 'none' }],
    ['invalid_target', { resource: 'https://evil.example/mcp' }],
    ['unsupported_response_type', { response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'code id_token' }],
    ['invalid_request', { code_challenge_method: 'plain' }],
    ['request_not_supported', { request: 'eyJhbGciOiJub25lIn0.e30.' }],
    ['request_not_supported', { request: 'x' }],
  ])('the error %s', async (error, asked) => {
    const page = await target.browser().get(target.client.authorizeUrl(asked));
    const { search, hash } = new URL(page.location ?? '');
    const searchParams = new URLSearchParams(search || hash.slice(1)); // For a token the error goes in the fragment.
    expect([searchParams.get('error'), searchParams.getAll('iss')]).toEqual([error, [target.url]]);
    expect(searchParams.get('code')).toBeNull();
  });

  it('a refusal of the person', async () => {
    const browser = target.browser();
    const page = await browser.get(target.client.authorizeUrl());
    const end = await browser.submit(page, 'csrf', { decision: 'deny' });
    expect(callbackOf(end)).toMatchObject({ error: 'access_denied', iss: target.url, state: 'the state' });
  });

  it('a failure of the identity provider', async () => {
    target.idp.misbehave.authorize = { error: 'access_denied' };
    expect(callbackOf(await target.signIn())).toMatchObject({ iss: target.url, state: 'the state' });
  });
});

describe('the identity provider’s answer is taken only from it (RFC 9207 section 2.4, RFC 9700 section 4.4)', () => {
  it.each([
    ['another issuer', 'https://evil.example'],
    ['this server itself', () => target.url],
    ['the issuer with a slash', () => `${target.idp.issuer}/`],
    ['the issuer in capitals', () => target.idp.issuer.toUpperCase()],
  ])('a callback that names %s is refused, and its code is redeemed nowhere', async (_what, iss) => {
    target.idp.misbehave.authorize = {
      iss: typeof iss === 'function' ? iss() : iss,
      code: 'a code of another server',
      error: '',
    };
    const end = callbackOf(await target.signIn());
    expect(end.code).toBeUndefined();
    expect(end).toMatchObject({ iss: target.url, state: 'the state' });
    expect(target.idp.requests.filter(({ path }) => path === '/token')).toEqual([]);
  });

  it('two issuers in one callback are refused', async () => {
    const browser = target.browser();
    const stopAt = (url: string) => url.startsWith(`${target.url}/oauth/callback`);
    const page = await browser.get(target.client.authorizeUrl());
    const login = await browser.submit(page, 'csrf', { decision: 'approve' });
    const back = await browser.submit(login, 'login', { login: 'alice' }, { stopAt });
    const end = await browser.get(`${back.location}&iss=https://evil.example`);
    expect([end.status, end.location]).toEqual([400, undefined]);
  });
});

describe('answers of two requests are never crossed', () => {
  it('each tab gets its own state and its own code, whatever the order', async () => {
    const browser = target.browser();
    const tabs = await Promise.all(
      ['one', 'two', 'three'].map((state) => browser.get(target.client.authorizeUrl({ state }))),
    );
    const logins = [];
    for (const tab of tabs) logins.push(await browser.submit(tab, 'csrf', { decision: 'approve' }));
    const ends = [];
    for (const login of logins.reverse())
      ends.push(callbackOf(login.location ? login : await browser.submit(login, 'login', { login: 'alice' })));
    const codes = ends.filter(({ code }) => code !== undefined);
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes.map(({ code }) => code)).size).toBe(codes.length);
    expect(new Set(codes.map(({ state }) => state)).size).toBe(codes.length);
  });

  it('two clients in one browser get codes that only their own redemption accepts', async () => {
    const other = await createOAuthClient(target.url, { redirect_uris: ['http://127.0.0.1:2/callback'] });
    const browser = target.browser();
    const [mine, theirs] = [await target.code({ browser }), await target.code({ browser, client: other })];
    expect((await target.client.redeem(theirs)).json?.error).toBe('invalid_grant');
    expect((await other.redeem(mine)).json?.error).toBe('invalid_grant');
    expect([(await target.client.redeem(mine)).status, (await other.redeem(theirs)).status]).toEqual([200, 200]);
  });

  it('the identity provider’s codes of two pending logins are not interchangeable (RFC 9700 section 4.5)', async () => {
    const stopAt = (url: string) => url.startsWith(`${target.url}/oauth/callback`);
    const pending = async (user: string) => {
      const browser = target.browser();
      const page = await browser.get(target.client.authorizeUrl());
      const login = await browser.submit(page, 'csrf', { decision: 'approve' });
      const back = await browser.submit(login, 'login', { login: user }, { stopAt });
      return { browser, callback: new URL(back.location ?? '') };
    };
    const [attacker, victim] = [await pending('bob'), await pending('alice')];
    const injected = new URL(attacker.callback);
    injected.searchParams.set('code', victim.callback.searchParams.get('code') ?? '');
    const end = await attacker.browser.get(injected.href);
    expect(callbackOf(end).code).toBeUndefined();
    expect(callbackOf(end)).toMatchObject({ iss: target.url });
  });
});
