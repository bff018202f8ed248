/** Login CSRF: making a victim's browser sign in, or finish a login, as or for somebody else */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../helpers/browser.ts';
import { callbackOf } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterEach(() => target.reset());
afterAll(() => target.close());

const callbackPath = () => `${target.url}/oauth/callback`;

/** Signs in at the identity provider, and stops before coming back. @returns the callback URL */
async function pendingLogin(browser: Browser, user = 'alice'): Promise<string> {
  const page = await browser.get(target.client.authorizeUrl());
  const login = await browser.submit(page, 'csrf', { decision: 'approve' });
  const stopAt = (url: string) => url.startsWith(callbackPath());
  const { location } = await browser.submit(login, 'login', { login: user }, { stopAt });
  return location ?? '';
}

describe('a login callback', () => {
  it('in another browser signs nobody in, and stays good in its own (RFC 9700 section 4.7)', async () => {
    const [attacker, victim] = [target.browser(), target.browser()];
    const callback = await pendingLogin(attacker, 'bob');
    const end = await victim.get(callback, { from: 'https://evil.example/' });
    expect([end.status, end.location]).toEqual([400, undefined]);
    expect(victim.cookies().filter(({ name }) => /session/.test(name))).toEqual([]);
    expect(target.idp.requests.filter(({ path }) => path === '/token')).toEqual([]);
    expect(callbackOf(await attacker.get(callback))).toHaveProperty('code');
  });

  it('in another browser that has a login of its own under way does not cross into it', async () => {
    const [attacker, victim] = [target.browser(), target.browser()];
    const [theirs, own] = [await pendingLogin(attacker, 'bob'), await pendingLogin(victim, 'alice')];
    expect((await victim.get(theirs)).status).toBe(400);
    const { code = '' } = callbackOf(await victim.get(own));
    const { json } = await target.client.redeem(code);
    const { user } = (await target.call(String(json?.access_token))).json as { user: { sub: string } };
    expect(user.sub).toBe('alice');
  });

  it.each<[string, (url: URL) => void]>([
    ['without state', (url) => url.searchParams.delete('state')],
    ['with an empty state', (url) => url.searchParams.set('state', '')],
    ['with an unknown state', (url) => url.searchParams.set('state', 'x'.repeat(43))],
    ['with a state of prototypes', (url) => url.searchParams.set('state', '__proto__')],
    ['with a changed state', (url) => url.searchParams.set('state', `${url.searchParams.get('state')}x`)],
    [
      'with a state in other case',
      (url) => url.searchParams.set('state', String(url.searchParams.get('state')).toUpperCase()),
    ],
    ['with two states', (url) => url.searchParams.append('state', 'other')],
    ['with two codes', (url) => url.searchParams.append('code', 'other')],
    [
      'with code and two errors',
      (url) => {
        url.searchParams.append('error', 'a');
        url.searchParams.append('error', 'b');
      },
    ],
    ['with a huge query', (url) => url.searchParams.set('x', 'a'.repeat(9000))],
  ])('%s signs nobody in, and fetches nothing', async (_what, change) => {
    const browser = target.browser();
    const url = new URL(await pendingLogin(browser));
    target.idp.requests.length = 0;
    change(url);
    const end = await browser.get(url.href);
    expect([end.status, end.location]).toEqual([400, undefined]);
    expect(target.idp.requests).toEqual([]);
    expect(end.html).not.toMatch(insides);
  });

  it('is used once, also by whoever kept its cookie (MCP 2026-07-28, Security Best Practices, OAuth state)', async () => {
    const browser = target.browser();
    const callback = await pendingLogin(browser);
    const { name, value } = browser.cookies().find(({ name: candidate }) => /mcp_login/.test(candidate)) ?? {};
    expect(callbackOf(await browser.get(callback))).toHaveProperty('code');
    browser.setCookie(target.url, `${name}=${value}; Path=/; HttpOnly; SameSite=Lax`);
    target.idp.requests.length = 0;
    expect((await browser.get(callback)).status).toBe(400);
    expect(target.idp.requests).toEqual([]); // Not even the provider hears of it.
  });

  it('by POST or HEAD, or from a frame of another site without cookies, signs nobody in', async () => {
    const browser = target.browser();
    const callback = await pendingLogin(browser);
    expect((await browser.post(callback, {}, { from: 'https://evil.example/' })).status).toBe(400);
    expect(callbackOf(await browser.get(callback))).toHaveProperty('code');
  });

  it('whose binding cookie was changed, doubled or taken from another login signs nobody in', async () => {
    const [browser, other] = [target.browser(), target.browser()];
    await pendingLogin(other);
    const foreign = other.cookies().find(({ name }) => /mcp_login/.test(name));
    const callback = await pendingLogin(browser);
    const own = browser.cookies().find(({ name }) => /mcp_login/.test(name));
    for (const value of ['', 'x', `${own?.value}x`, foreign?.value]) {
      browser.setCookie(target.url, `${own?.name}=${value}; Path=/; HttpOnly; SameSite=Lax`);
      expect((await browser.get(callback)).status).toBe(400);
    }
    browser.setCookie(target.url, `${own?.name}=${own?.value}; Path=/; HttpOnly; SameSite=Lax`);
    expect(callbackOf(await browser.get(callback))).toHaveProperty('code');
  });
});

describe('the login at the identity provider', () => {
  it('does not begin before the person approved: no state, no cookie, no request there (MCP, Confused Deputy)', async () => {
    const browser = target.browser();
    const { writes } = await target.gateway.observe(() => browser.get(target.client.authorizeUrl()));
    expect(writes.filter((write) => write.includes('LoginState'))).toEqual([]);
    expect(browser.cookies().filter(({ name }) => /mcp_login/.test(name))).toEqual([]);
    expect(target.idp.requests).toEqual([]);
  });

  it('is protected by state, nonce and PKCE of its own (RFC 9700 section 2.1.1)', async () => {
    await pendingLogin(target.browser());
    const [asked] = target.idp.requests.filter(({ path }) => path === '/authorize');
    const { state, nonce, code_challenge, code_challenge_method } = Object.fromEntries(asked?.query ?? []);
    expect(code_challenge_method).toBe('S256');
    for (const value of [state, nonce, code_challenge]) expect(value?.length).toBeGreaterThanOrEqual(43);
    expect(new Set([state, nonce, code_challenge]).size).toBe(3);
    expect(asked?.query.get('state')).not.toBe('the state');
  });

  it('carries nothing of the client there: neither its state nor its redirect URI nor its resource', async () => {
    await pendingLogin(target.browser());
    const [asked] = target.idp.requests.filter(({ path }) => path === '/authorize');
    const text = asked?.query.toString() ?? '';
    expect(asked?.query.get('redirect_uri')).toBe(callbackPath());
    expect(text).not.toContain(encodeURIComponent(target.client.redirectUri));
    expect(asked?.query.has('resource')).toBe(false);
  });
});

describe('a browser session', () => {
  it('gets a new id at each login, so that a planted one is worth nothing (CWE-384)', async () => {
    const attacker = target.browser();
    await target.signIn({ browser: attacker, user: 'bob' });
    const planted = attacker.cookies().filter(({ name }) => /mcp_session/.test(name));
    const victim = target.browser();
    for (const { name, value } of planted) victim.setCookie(target.url, `${name}=${value}; Path=/; HttpOnly`);
    const page = await victim.get(target.client.authorizeUrl({ prompt: 'login' }));
    const login = await victim.submit(page, 'csrf', { decision: 'approve' });
    await victim.submit(login, 'login', { login: 'alice' });
    const after = victim.cookies().find(({ name }) => /mcp_session_[^.]+$/.test(name));
    expect(planted.map(({ value }) => value)).not.toContain(after?.value);
    // The attacker's copy is still theirs, or nobody's; never the victim's.
    const end = await attacker.get(target.client.authorizeUrl());
    expect(end.html).not.toContain('alice');
  });

  it('is not taken from a cookie that was changed (CWE-565)', async () => {
    const browser = target.browser();
    await target.signIn({ browser });
    const session = browser.cookies().find(({ name }) => /mcp_session_[^.]+$/.test(name));
    for (const value of ['x', `${session?.value}x`, '__proto__', '%00', 'a'.repeat(2000)]) {
      browser.setCookie(target.url, `${session?.name}=${value}; Path=/; HttpOnly`);
      const page = await browser.get(target.client.authorizeUrl({ prompt: 'none' }));
      expect(callbackOf(page)).toMatchObject({ error: 'login_required' });
    }
  });

  it('has cookies that scripts and other sites do not get', async () => {
    const browser = target.browser();
    await target.signIn({ browser });
    const own = browser.cookies(target.url).filter(({ name }) => name.startsWith('mcp_'));
    expect(own.length).toBeGreaterThan(0);
    for (const cookie of own) {
      expect(cookie).toMatchObject({ httpOnly: true, hostOnly: true });
      expect(['lax', 'strict']).toContain(cookie.sameSite);
    }
  });
});
