/** Consent: approved by another site, by script, in a frame, by a name that deceives, or by another person’s page */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, send } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterEach(() => target.reset());
afterAll(() => target.close());

const formOf = (page: Page) => {
  const form = page.forms.find(({ fields }) => 'csrf' in fields);
  if (!form) throw new Error(`no form: ${page.status} ${page.text}`);
  return form;
};
const open = (browser: Browser, asked = {}) => browser.get(target.client.authorizeUrl(asked));

/** A browser with a session, where a single approval gives a code. */
async function signedIn(): Promise<Browser> {
  const browser = target.browser();
  await target.signIn({ browser });
  return browser;
}

describe.each([
  ['without a session', async () => target.browser()],
  ['with a session', signedIn],
])('an approval %s', (_state, person) => {
  it.each<[string, (form: Record<string, string>) => Record<string, string>]>([
    ['no token', ({ csrf: _, ...form }) => form],
    ['an empty token', (form) => ({ ...form, csrf: '' })],
    ['a changed token', (form) => ({ ...form, csrf: `${form.csrf?.slice(0, -2)}xx` })],
    ['a token of prototypes', (form) => ({ ...form, csrf: '__proto__' })],
    ['no decision', ({ decision: _, ...form }) => form],
    ['another decision', (form) => ({ ...form, decision: 'yes' })],
  ])('with %s counts for nothing (RFC 9700 section 4.7)', async (_what, change) => {
    const browser = await person();
    const page = await open(browser);
    const form = formOf(page);
    const end = await browser.post(form.action, change({ ...form.fields, decision: 'approve' }), { from: page });
    expect([end.status, end.location]).toEqual([400, undefined]);
    expect(target.idp.requests.filter(({ path }) => path === '/token').length).toBeLessThanOrEqual(1);
  });

  it.each(['https://evil.example/', 'http://127.0.0.1:1/', 'http://localhost/', 'null'])(
    'posted from %s counts for nothing (CWE-352)',
    async (from) => {
      const browser = await person();
      const form = formOf(await open(browser));
      const end = await browser.post(form.action, { ...form.fields, decision: 'approve' }, { from });
      expect([end.status, end.location]).toEqual([400, undefined]);
    },
  );

  it('by GET, PUT or HEAD, or as JSON, counts for nothing', async () => {
    const browser = await person();
    const page = await open(browser);
    const form = formOf(page);
    const fields = { ...form.fields, decision: 'approve' };
    const byGet = await browser.get(`${form.action}?${new URLSearchParams(fields)}`, { from: page });
    expect(callbackOf(byGet).code).toBeUndefined();
    const cookie = browser
      .cookies(form.action)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const { status } = await send(form.action, { method, headers: { cookie }, body: '' });
      expect(status).toBe(405);
    }
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      const headers = { cookie, 'content-type': type, origin: target.url };
      const { status } = await send(form.action, { headers, body: JSON.stringify(fields) });
      expect(status).toBe(400);
    }
  });

  it('with the token of another request of the same browser counts for nothing', async () => {
    const browser = await person();
    const [first, second] = [await open(browser), await open(browser)];
    const [one, other] = [formOf(first), formOf(second)];
    const end = await browser.post(other.action, { ...one.fields, decision: 'approve' }, { from: second });
    expect([end.status, end.location]).toEqual([400, undefined]);
  });

  it('of another browser, with link and token, counts for nothing', async () => {
    const [browser, thief] = [await person(), await person()];
    const page = await open(browser);
    const form = formOf(page);
    const end = await thief.post(form.action, { ...form.fields, decision: 'approve' }, { from: form.action });
    expect([end.status, end.location]).toEqual([400, undefined]);
    const seen = await thief.get(form.action);
    expect(seen.status).toBe(400);
    expect(seen.html).not.toContain(target.client.clientId);
  });

  it('cannot widen what the page showed: parameters beside the decision mean nothing', async () => {
    const browser = await person();
    const page = await open(browser, { scope: 'mcp:tools' });
    const form = formOf(page);
    const extra = {
      scope: 'mcp:tools admin',
      resource: `${target.url}/other`,
      redirect_uri: 'https://evil.example',
      client_id: 'x',
      account: 'bob',
      sub: 'bob',
    };
    let end = await browser.post(form.action, { ...form.fields, ...extra, decision: 'approve' }, { from: page });
    if (end.location === undefined) end = await browser.submit(end, 'login', { login: 'alice' });
    expect(end.location?.startsWith(target.client.redirectUri)).toBe(true);
    const { json } = await target.client.redeem(callbackOf(end).code ?? '');
    expect(json?.scope ?? 'mcp:tools').toBe('mcp:tools');
    const { user } = (await target.call(String(json?.access_token))).json as { user: { sub: string } };
    expect(user.sub).toBe('alice');
  });
});

describe('a page', () => {
  const pages = async () => {
    const browser = target.browser();
    const consent = await open(browser);
    return [
      consent,
      await browser.get(target.client.authorizeUrl({ redirect_uri: 'https://evil.example' })),
      await browser.get(`${target.url}/oauth/callback`),
      await browser.get(`${target.url}/oauth/interaction/unknown`),
      await browser.get(`${target.url}/oauth/logout`),
      await browser.get(`${target.url}/oauth/connect/unknown`),
      await browser.get(`${target.url}/oauth/logout/done`),
    ].filter(({ headers }) => /html/.test(headers.get('content-type') ?? ''));
  };

  it('cannot be framed, sniffed, cached, or leak where it was (RFC 9700 section 4.16, CWE-1021)', async () => {
    const all = await pages();
    expect(all.length).toBeGreaterThanOrEqual(4);
    for (const { url, headers } of all) {
      const policy = headers.get('content-security-policy') ?? '';
      expect([url, policy]).toEqual([url, expect.stringContaining("frame-ancestors 'none'")]);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe-eval|\*(?!\.)|script-src[^;]*unsafe-inline/);
      expect(headers.get('x-frame-options')?.toLowerCase() ?? 'deny').toBe('deny');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toContain('no-store');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('has no script, no inline handler, and nothing of a third party', async () => {
    for (const { html } of await pages()) {
      expect(html).not.toMatch(
        /<script|<iframe|<object|<embed|<base|\son\w+\s*=|javascript:|<link[^>]+href="?http|@import|url\(http/i,
      );
      expect(html).not.toMatch(insides);
    }
  });

  it.each(['https://evil.example', 'null', 'http://127.0.0.1:1'])(
    'is not readable by scripts of %s (CORS)',
    async (origin) => {
      for (const path of [
        '/oauth/authorize',
        '/oauth/interaction/x',
        '/oauth/callback',
        '/oauth/connections',
        '/oauth/logout',
      ]) {
        for (const method of ['GET', 'OPTIONS']) {
          const headers = { origin, 'access-control-request-method': 'GET' };
          const answer = await send(`${target.url}${path}`, { method, headers });
          expect(answer.headers.get('access-control-allow-origin')).toBeNull();
          expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
        }
      }
    },
  );
});

/** Elements, and whether any of them would run something. */
const tagsOf = ({ html }: Page) => [
  ...[...html.matchAll(/<([a-z]\w*)/gi)].map(([, tag]) => tag),
  /<[^<>]*\son\w+\s*=/i.test(html),
];

describe('what a client says of itself', () => {
  const names = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '<b>Claude</b>',
    '{{constructor.constructor("alert(1)")()}}',
    '<%= 7*7 %>',
    '&lt;script&gt;',
    '</title><svg onload=alert(1)>',
    'Claude\u202egpj.exe',
    'Cl\u200baude\u2060\ufeff',
    '\u0000\u0001Claude\u001b[31m',
    'Claude\r\nSet-Cookie: a=b',
    'a'.repeat(500),
    '\ud83d\ude00'.repeat(150),
  ];
  it.each(names)('is shown as text: %j (CWE-79, CWE-1007)', async (client_name) => {
    const client = await createOAuthClient(target.url, { client_name });
    const page = await target.browser().get(client.authorizeUrl());
    expect(page.status).toBe(200);
    expect(tagsOf(page)).toEqual(tagsOf(await open(target.browser())));
    expect(page.html).not.toMatch(/\p{Cf}|[^\P{Cc}\n]/u);
    expect(page.headers.get('set-cookie') ?? '').not.toContain('a=b');
    expect(page.text).toContain('127.0.0.1'); // Where answers go is named whatever the client calls itself.
  });

  it.each([
    ['state', '"><script>alert(1)</script>'],
    ['login_hint', '"><script>alert(1)</script>'],
    ['ui_locales', '"><script>alert(1)</script>'],
    ['scope', 'mcp:tools "><script>alert(1)</script>'],
    ['resource', '"><script>alert(1)</script>'],
    ['client_id', '"><script>alert(1)</script>'],
    ['redirect_uri', '"><script>alert(1)</script>'],
    ['response_type', '"><script>alert(1)</script>'],
    ['acr_values', '"><script>alert(1)</script>'],
    ['display', '"><script>alert(1)</script>'],
    ['error_description', '<script>alert(1)</script>'],
  ])('nothing comes of markup in %s', async (name, value) => {
    const page = await target.browser().get(target.client.authorizeUrl({ [name]: value }));
    expect(page.html).not.toMatch(/<script|alert\(1\)<\/script/i);
  });

  it('an error of the identity provider is not shown as markup, nor passed on as it is', async () => {
    target.idp.misbehave.authorize = {
      error: '<script>alert(1)</script>',
      error_description: '<img src=x onerror=alert(1)>',
    };
    const page = await target.signIn();
    expect(page.html).not.toMatch(/<script|<img/i);
    expect(decodeURIComponent(page.location ?? '')).not.toMatch(/<script|<img/i);
  });
});

describe('a refusal', () => {
  it('is final, stores nothing, and tells the client with state and iss (RFC 6749 section 4.1.2.1)', async () => {
    const browser = await signedIn();
    const page = await open(browser);
    const form = formOf(page);
    const { answer, writes } = await target.gateway.observe(() => browser.submit(page, 'csrf', { decision: 'deny' }));
    expect(callbackOf(answer)).toMatchObject({ error: 'access_denied', state: 'the state', iss: target.url });
    expect(writes.filter((write) => /(Grant|AuthorizationCode|Token|Approval)$/.test(write))).toEqual([]);
    const again = await browser.post(form.action, { ...form.fields, decision: 'approve' }, { from: page });
    expect([again.status, again.location]).toEqual([400, undefined]);
  });
});

describe('the logout page', () => {
  it('ends no session by a link or a form of another site (CWE-352)', async () => {
    const browser = await signedIn();
    await browser.get(`${target.url}/oauth/logout`, { from: 'https://evil.example/' });
    await browser.post(`${target.url}/oauth/logout`, { logout: 'yes' }, { from: 'https://evil.example/' });
    expect((await open(browser)).text).toContain('Alice');
  });
});

it('the connections page does nothing for a form of another site, nor for one without its own token', async () => {
  const browser = await signedIn();
  const { json } = await target.client.redeem(await target.code({ browser }));
  const page = await browser.get(`${target.url}/oauth/connections`);
  expect(page.forms.length).toBeGreaterThan(0);
  for (const { action, fields, controls } of page.forms) {
    const buttons = controls.filter(({ kind }) => kind === 'button').map(({ name, value }) => ({ [name]: value }));
    for (const button of buttons) {
      await browser.post(action, { ...fields, ...button }, { from: 'https://evil.example/' });
      await browser.post(action, { ...fields, ...button, csrf: 'x'.repeat(43) }, { from: page });
      await browser.get(`${action}?${new URLSearchParams({ ...fields, ...button } as Record<string, string>)}`, {
        from: page,
      });
    }
  }
  expect((await target.call(String(json?.access_token))).status).toBe(200);
  expect((await open(browser)).text).toContain('Alice');
});
