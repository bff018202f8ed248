/** Confused deputy: the published attacks on FastMCP, workers-oauth-provider and better-auth, each by its id */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isSignInPage } from '../federation/support.ts';
import type { Browser, Page } from '../helpers/browser.ts';
import {
  type Answer,
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  postForm,
  register,
  send,
} from '../helpers/oauth-client.ts';
import { request, startTarget, type Target } from './support.ts';

let target: Target;
/** A web client of the attacker’s, whose approval may be remembered. */
let attacker: OAuthClient;
let known: OAuthClient;
beforeAll(async () => {
  target = await startTarget({ options: () => ({ consent: { rememberSeconds: 86_400 } }) });
  const web = { token_endpoint_auth_method: 'client_secret_basic' };
  attacker = await createOAuthClient(target.url, { ...web, redirect_uris: ['https://attacker.example/cb'] });
  known = await createOAuthClient(target.url, { ...web, redirect_uris: ['https://known.example/cb'] });
});
afterEach(() => target.reset());
afterAll(() => target.close());

const verdict = ({ status, json }: Answer) => `${status} ${json?.error ?? 'success'}`;
const asksForApproval = (page: Page) =>
  page.forms.some(({ fields }) => 'csrf' in fields) && page.location === undefined;

/** A person who is signed in, and let the known client’s approval be remembered. */
async function person(): Promise<Browser> {
  const browser = target.browser();
  await target.signIn({ browser, client: known });
  const page = await browser.get(known.authorizeUrl({ prompt: 'consent' }));
  await browser.submit(page, 'csrf', { decision: 'approve', remember: true });
  return browser;
}

describe('FastMCP', () => {
  it('GHSA-c2jp-c369-7pvx: a client that nobody approved gets no code from a person who is signed in there and here', async () => {
    const browser = await person();
    target.reset();
    const page = await browser.get(attacker.authorizeUrl(), { from: 'https://evil.example/' });
    expect(asksForApproval(page)).toBe(true);
    expect(page.text).toContain('attacker.example');
    expect(target.idp.requests).toEqual([]);
  });

  it('GHSA-c2jp-c369-7pvx: the identity provider is not asked before the person approved the client here', async () => {
    const browser = target.browser();
    await browser.get(attacker.authorizeUrl());
    expect(target.idp.requests.filter(({ path }) => path === '/authorize')).toEqual([]);
  });

  it('GHSA-rww4-4w9c-7733 (CVE-2026-27124): an approval in the attacker’s browser gives nothing in the victim’s', async () => {
    const [evil, victim] = [target.browser(), await person()];
    // The attacker approves the own client and keeps the address at the identity provider for the victim.
    const consent = await evil.get(attacker.authorizeUrl());
    const stopAt = (url: string) => url.startsWith(target.idp.issuer);
    const { location: captured = '' } = await evil.submit(consent, 'csrf', { decision: 'approve' }, { stopAt });
    expect(captured).toContain('state=');
    let page = await victim.get(captured, { from: 'https://evil.example/' });
    if (isSignInPage(page)) page = await victim.submit(page, 'login', { login: 'alice' });
    expect([page.status, page.location]).toEqual([400, undefined]);
    expect(page.text).not.toContain('attacker.example');
  });

  it('GHSA-rww4-4w9c-7733 (CVE-2026-27124): nor does the callback that the victim’s login ends in', async () => {
    const [evil, victim] = [target.browser(), target.browser()];
    const consent = await evil.get(attacker.authorizeUrl());
    const toIdp = (url: string) => url.startsWith(target.idp.issuer);
    const { location: captured = '' } = await evil.submit(consent, 'csrf', { decision: 'approve' }, { stopAt: toIdp });
    const toCallback = (url: string) => url.startsWith(`${target.url}/oauth/callback`);
    const login = await victim.get(captured);
    const { location: callback = '' } = await victim.submit(login, 'login', { login: 'alice' }, { stopAt: toCallback });
    const inVictims = await victim.get(callback);
    expect([inVictims.status, callbackOf(inVictims).code]).toEqual([400, undefined]);
  });

  it.each([
    ['cross-site', 'https://evil.example/'],
    ['same-site, of another port', 'http://127.0.0.1:1/'],
    ['a sandbox', 'null'],
  ])('GHSA-6x8h-498w-gv8c: a remembered approval is not spent by a navigation that is %s', async (_what, from) => {
    const browser = await person();
    expect(asksForApproval(await browser.get(known.authorizeUrl(), { from }))).toBe(true);
    expect(callbackOf(await browser.get(known.authorizeUrl()))).toHaveProperty('code');
  });

  it('GHSA-6x8h-498w-gv8c: nor in a frame, by a fetch, nor where the browser does not say', async () => {
    const browser = await person();
    const cookie = browser
      .cookies(target.url)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const navigation = { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const { 'sec-fetch-site': _site, ...noSite } = navigation;
    for (const headers of [
      {},
      noSite,
      { ...navigation, 'sec-fetch-site': 'cross-site' },
      { ...navigation, 'sec-fetch-site': 'same-site' },
      { ...navigation, 'sec-fetch-dest': 'iframe' },
      { ...navigation, 'sec-fetch-dest': 'image' },
      { ...navigation, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' },
      { ...navigation, 'sec-fetch-site': 'none, cross-site' },
    ]) {
      const { headers: answer } = await send(known.authorizeUrl(), { headers: { cookie, ...headers } });
      expect([headers, answer.get('location')]).toEqual([headers, expect.stringMatching(/^\/oauth\/interaction\//)]);
    }
    const { headers: answer } = await send(known.authorizeUrl(), { headers: { cookie, ...navigation } });
    expect(answer.get('location')).toMatch(/^https:\/\/known\.example\/cb\?code=/);
  });

  it.each<[string, Record<string, string>]>([
    ['scope', { scope: 'other:read', resource: '/other' }],
    ['resource', { resource: '/other' }],
    ['client', {}],
  ])('fastmcp #2056: a remembered approval covers no other %s', async (what, asked) => {
    const browser = await person();
    const client = what === 'client' ? attacker : known;
    const { resource, ...rest } = asked;
    const page = await browser.get(
      client.authorizeUrl({ ...rest, ...(resource !== undefined && { resource: target.url + resource }) }),
    );
    expect(asksForApproval(page)).toBe(true);
  });

  it('fastmcp #3519: prompt=none skips no approval of a client that has none', async () => {
    const browser = await person();
    const page = await browser.get(attacker.authorizeUrl({ prompt: 'none' }), { from: 'https://evil.example/' });
    expect(callbackOf(page).code).toBeUndefined();
    expect(callbackOf(page).error).toMatch(/^(?:consent|interaction)_required$/);
  });

  it.each([
    '/proxied/../admin',
    '/proxied/%2e%2e/admin',
    '/proxied/..%2fadmin',
    '/proxied//evil.example/',
    '/proxied/@evil.example',
    '/proxied\\..\\admin',
    '/proxied;/../admin',
    '/proxied/x?url=http://127.0.0.1',
    '/./proxied/../proxied/x',
  ])('CVE-2026-32871: %s reaches no other path of the upstream', async (path) => {
    const { access } = await target.tokens({ resource: `${target.url}/proxied` });
    await target.raw(
      request(`GET ${path} HTTP/1.1`, [`Host: ${new URL(target.url).host}`, `Authorization: Bearer ${access}`]),
    );
    expect(target.upstream.received.filter(({ url }) => !/^\/upstream\/mcp(?:\?|$)/.test(url))).toEqual([]);
  });
});

describe('workers-oauth-provider', () => {
  it('CVE-2025-4143: a redirect URI that is not registered is refused at authorization, also for a client that was approved', async () => {
    const browser = await person();
    const page = await browser.get(known.authorizeUrl({ redirect_uri: 'https://attacker.example/cb' }));
    expect([page.status, page.location]).toEqual([400, undefined]);
  });

  it('CVE-2025-4144, GHSA-qgp8-v765-qxx9: PKCE is not skipped by leaving it out at the token endpoint', async () => {
    const code = await target.code();
    expect(verdict(await target.client.redeem(code, { code_verifier: undefined }))).toMatch(
      /^400 invalid_(?:grant|request)$/,
    );
    expect(verdict(await target.client.redeem(code, { code_verifier: '' }))).toMatch(/^400 invalid_(?:grant|request)$/);
  });

  it.each([
    ['#275, a challenge of the empty text', { code_challenge: '' }],
    ['#277, an unknown method', { code_challenge_method: 'S257' }],
  ])('%s is not read as plain', async (_what, asked) => {
    expect(callbackOf(await target.browser().get(target.client.authorizeUrl(asked))).error).toBe('invalid_request');
  });

  it('#225: a stranger cannot use up a code that he saw', async () => {
    const code = await target.code();
    expect(verdict(await attacker.redeem(code))).toBe('400 invalid_grant');
    expect(verdict(await target.client.redeem(code))).toBe('200 success');
  });

  it('#258: a wrong resource at refresh uses nothing up', async () => {
    const { refresh } = await target.tokens();
    expect(verdict(await target.client.refresh(refresh, { resource: 'https://evil.example' }))).toBe(
      '400 invalid_target',
    );
    expect(verdict(await target.client.refresh(refresh))).toBe('200 success');
  });

  it.each(['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd'])(
    '#218, #221: %s as a link of the client is never shown or given back',
    async (uri) => {
      const links = {
        logo_uri: uri,
        client_uri: uri,
        policy_uri: uri,
        tos_uri: uri,
        'logo_uri#de': uri,
        'tos_uri#de': uri,
      };
      const { status, json, text } = await register(target.url, {
        redirect_uris: ['https://client.example/cb'],
        ...links,
      });
      expect([201, 400]).toContain(status);
      expect(text).not.toContain(uri);
      if (status !== 201) return;
      const page = await target
        .browser()
        .get(
          target.client.authorizeUrl({ client_id: String(json?.client_id), redirect_uri: 'https://client.example/cb' }),
        );
      expect(page.html).not.toContain(uri);
    },
  );

  it('#224: registration is not kept by a cache, and sets no cookie', async () => {
    const { headers } = await register(target.url, { redirect_uris: ['https://client.example/cb'] });
    expect([headers.get('cache-control'), headers.get('set-cookie')]).toEqual(['no-store', null]);
  });

  it('#247, #276: a confidential client is not let in without, or by another way than its own', async () => {
    const code = await target.code({ client: known });
    const body = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: known.redirectUri,
      code_verifier: known.verifier,
    };
    const answer = await postForm(`${target.url}/oauth/token`, { ...body, client_id: known.clientId });
    expect(verdict(answer)).toBe('401 invalid_client');
    expect(verdict(await known.redeem(code))).toBe('200 success');
  });

  it('#251, #252: a resource says where its metadata is, and to whom it lets its answers be read', async () => {
    const answer = await send(`${target.url}/mcp`);
    expect(answer.headers.get('www-authenticate')).toContain('/.well-known/oauth-protected-resource/mcp');
    const foreign = await send(`${target.url}/mcp`, { headers: { origin: 'https://evil.example' } });
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });

  it('#188, #299: revoking at one device leaves the other devices of a shared client signed in', async () => {
    const [one, other] = [await target.tokens(), await target.tokens()];
    await target.client.revoke(one.refresh);
    expect((await target.call(other.access)).status).toBe(200);
  });
});

describe('better-auth', () => {
  it('GHSA-p2fr-6hmx-4528: the token endpoint stamps no resource that was not approved', async () => {
    for (const resource of [`${target.url}/other`, 'https://evil.example/mcp', `${target.url}/mcp/../other`]) {
      const code = await target.code();
      const refused = await target.client.redeem(code, { resource });
      expect(verdict(refused)).toBe('400 invalid_target');
    }
    const { access } = await target.tokens();
    expect((await target.call(access, '/other')).status).toBe(401);
  });

  it('CVE-2025-61928: a subject in the body, the query or a header names nobody', async () => {
    const names = { sub: 'bob', user_id: 'bob', userId: 'bob', account: 'bob', username: 'bob' };
    const code = await target.code();
    const { json } = await target.client.redeem(code, names, {
      'x-user': 'bob',
      'x-forwarded-user': 'bob',
      'remote-user': 'bob',
    });
    const answer = await send(`${target.url}/mcp?${new URLSearchParams(names)}`, {
      headers: { authorization: `Bearer ${json?.access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify(names),
    });
    expect(answer.json).toMatchObject({ user: { sub: 'alice' } });
    for (const path of ['/mcp', '/other', '/proxied'])
      expect(
        (
          await send(target.url + path, {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(names),
          })
        ).status,
      ).toBe(401);
  });

  it('#4736, #9198: a session alone gives no code past the approval, whatever the prompt', async () => {
    const browser = await person();
    for (const prompt of [undefined, 'login', 'consent', 'select_account', 'login consent']) {
      const page = await browser.get(attacker.authorizeUrl({ prompt }));
      expect([prompt, asksForApproval(page)]).toEqual([prompt, true]);
    }
  });

  it.each(['https://evil.example', 'null'])('#10645: %s reads no answer with credentials', async (origin) => {
    for (const path of [
      '/oauth/token',
      '/oauth/register',
      '/oauth/revoke',
      '/oauth/introspect',
      '/mcp',
      '/.well-known/oauth-authorization-server',
    ])
      for (const method of ['OPTIONS', 'POST', 'GET']) {
        const answer = await send(target.url + path, {
          method,
          headers: { origin, 'access-control-request-method': 'POST' },
        });
        expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      }
  });

  it('#10713: every answer of the authorization endpoint names its issuer', async () => {
    expect(callbackOf(await target.signIn()).iss).toBe(target.url);
  });
});
