import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let client: OAuthClient;
const stopAt = (url: string) => !url.startsWith(gateway.url);

beforeAll(async () => {
  gateway = await startObservedGateway({
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp', { scopes: ['mcp:tools', 'mcp:read'] }), (_req, res) =>
        res.json({ ok: true }),
      ),
  });
  client = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
});
afterAll(() => gateway.close());

describe('scopes', () => {
  it.each([
    ['none', undefined, 'mcp:tools mcp:read'],
    ['an empty list', '', 'mcp:tools mcp:read'],
    ['one of the resource', 'mcp:read', 'mcp:read'],
    ['one twice', 'mcp:read mcp:read', 'mcp:read'],
    ['unknown ones beside a known one', 'mcp:admin mcp:read *', 'mcp:read'],
    ['unknown ones alone', 'mcp:admin', 'mcp:tools mcp:read'],
    ['those of OpenID Connect', 'openid profile email', 'mcp:tools mcp:read'],
    ['offline_access alone', 'offline_access', 'mcp:tools mcp:read'],
    ['offline_access beside another', 'mcp:tools offline_access', 'mcp:tools'],
    ['one that differs in case', 'MCP:read mcp:tools', 'mcp:tools'],
    ['prototype names', '__proto__ constructor mcp:tools', 'mcp:tools'],
  ])('grants for %s exactly what is known (RFC 6749 section 3.3)', async (_what, scope, granted) => {
    const code = await client.login(createBrowser(), { scope });

    const { json } = await client.redeem(code);

    expect(json).toMatchObject({ token_type: 'Bearer', scope: granted });
    expect(json).toHaveProperty('refresh_token');
    expect(json).not.toHaveProperty('id_token');
  });

  it('reads a scope of thousands of words in linear time (CVE-2026-0621)', async () => {
    const scope = `${'x '.repeat(3000)}mcp:read${' '.repeat(3000)}`;

    const { answer } = await gateway.observe(() => createBrowser().get(client.authorizeUrl({ scope }), { stopAt }));

    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Permissions mcp:read ');
  });

  it('drops parameters that only mean something with an ID token (OpenID Connect Core section 3.1.2.1)', async () => {
    const extras = { nonce: ['a', 'b'], max_age: '-1', claims: '{', id_token_hint: 'x', acr_values: 'x' };

    expect(await client.login(createBrowser(), { ...extras, scope: 'openid' })).toMatch(/^[\w-]{22,}$/);
  });
});

describe('hostile text', () => {
  it.each(['state', 'scope', 'resource', 'login_hint', 'code_challenge', 'redirect_uri', 'client_id', 'no_such_name'])(
    'answers NUL in %s with a page: no database need hold it (CWE-1321)',
    async (name) => {
      const url = client.authorizeUrl({ [name]: 'a\0b' });

      const { answer, events, writes } = await gateway.observe(() => createBrowser().get(url, { stopAt }));

      expect([answer.status, answer.location]).toEqual([400, undefined]);
      expect(answer.text).toContain('Error: invalid_request.');
      expect([events, writes]).toEqual([['authorization.refused: NUL in a parameter'], []]);
    },
  );

  it.each([
    ['a lone surrogate in UTF-8', '%ED%A0%80'],
    ['a lone byte', '%FF'],
    ['a broken escape', '%zz%'],
    ['markup', '%22%3E%3Cscript%3Ealert(1)%3C/script%3E'],
    ['a line break', '%0D%0ALocation:%20https://evil.example/'],
    ['bidirectional text', '%E2%80%AE'],
  ])('takes %s in state for text (CWE-113)', async (_what, encoded) => {
    const url = `${client.authorizeUrl({ state: undefined, code_challenge: undefined })}&state=${encoded}`;
    const state = new URL(url).searchParams.get('state');

    const { answer, writes } = await gateway.observe(() => send(url));

    expect(answer.status).toBe(303);
    expect(new URL(answer.headers.get('location') ?? '').searchParams.get('state')).toBe(state);
    expect(answer.text).not.toContain('<script>');
    expect(writes).toEqual([]);
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
    'ignores a parameter called %s (CWE-1321)',
    async (name) => {
      const { answer } = await gateway.observe(() =>
        createBrowser().get(`${client.authorizeUrl()}&${name}=x&${name}[x]=y`, { stopAt }),
      );

      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Sends you back to client.example');
    },
  );
});

describe('the approval page', () => {
  it('cannot be framed, sniffed, cached or leak its address, and may post only towards its client (CWE-1021)', async () => {
    const browser = createBrowser();
    const page = await browser.get(client.authorizeUrl(), { stopAt });

    const policy = new Map(
      (page.headers.get('content-security-policy') ?? '').split('; ').map((text) => {
        const [name = '', ...sources] = text.split(' ');
        return [name, sources];
      }),
    );
    expect(page.status).toBe(200);
    expect(policy.get('default-src')).toEqual(["'none'"]);
    expect(policy.get('frame-ancestors')).toEqual(["'none'"]);
    expect(policy.get('base-uri')).toEqual(["'none'"]);
    expect(policy.get('form-action')).toEqual(expect.arrayContaining(["'self'", 'https://client.example']));
    expect(policy.has('script-src')).toBe(false);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.html).not.toMatch(/<script|https?:\/\/(?!127\.0\.0\.1|client\.example)|\s(?:style|on\w+)=/i);
  });

  it('may post nowhere but to itself and its client once the person is signed in', async () => {
    const browser = createBrowser();
    await client.login(browser);

    const page = await browser.get(client.authorizeUrl(), { stopAt });

    expect(page.text).toContain('Signed in as alice');
    expect(page.headers.get('content-security-policy')).toMatch(/form-action 'self' https:\/\/client\.example;/);
  });

  it('names a private-use scheme as the place to post towards (RFC 8252 section 7.1)', async () => {
    const cursor = await createOAuthClient(gateway.url, { redirect_uris: ['cursor://anysphere.cursor-mcp/callback'] });

    const page = await createBrowser().get(cursor.authorizeUrl(), { stopAt });

    expect(page.headers.get('content-security-policy')).toMatch(/form-action 'self' cursor:/);
    expect(page.text).toContain(
      'Sends you back to cursor://anysphere.cursor-mcp This opens an application on your device.',
    );
  });

  it('binds the browser with HttpOnly, SameSite=Lax cookies that the browser accepts (MCP 2026-07-28, cookies)', async () => {
    const browser = createBrowser();

    await client.login(browser);

    expect(browser.rejectedCookies).toEqual([]);
    expect(browser.cookies().length).toBeGreaterThan(0);
    for (const cookie of browser.cookies()) {
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'lax', hostOnly: true, domain: '127.0.0.1' });
    }
  });

  it('shows a hostile client name as text, without invisible characters (CWE-79, CWE-1007)', async () => {
    const hostile = await createOAuthClient(gateway.url, {
      redirect_uris: ['https://client.example/callback'],
      client_name: '</h1><img src=x onerror=alert(1)>"\'&amp;\u202egnp.exe\u200b\u2066',
    });

    const page = await createBrowser().get(hostile.authorizeUrl(), { stopAt });

    expect(page.html).not.toMatch(/<img|[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/);
    expect(page.text).toContain('Allow </h1><img src=x onerror=alert(1)>"\'&amp;gnp.exe to use /mcp?');
  });

  it('sends the code with state and iss, and keeps it out of caches and Referer (RFC 9207 section 2)', async () => {
    const page = await client.authorize(createBrowser(), { state: 'a b&c=d+e%' });

    const { code, ...callback } = callbackOf(page);
    expect(callback).toEqual({ state: 'a b&c=d+e%', iss: gateway.url });
    expect(code).toMatch(/^[\w-]{22,}$/); // At least 128 bits.
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });
});
