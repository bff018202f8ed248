/** Redirect URIs: look-alikes of a registered one, pollution, loopback widening, dangerous schemes, open redirection */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDocumentClient, soundDocument } from '../clients/document-client.ts';
import {
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  register,
  send,
} from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target } from './support.ts';

let target: Target;
let web: OAuthClient;
let native: OAuthClient;
beforeAll(async () => {
  target = await startTarget();
  web = await createOAuthClient(target.url, { redirect_uris: ['https://client.example/cb/path?x=1'] });
  native = await createOAuthClient(target.url, { redirect_uris: ['http://127.0.0.1:4000/cb'] });
});
afterAll(() => target.close());

/** Neither page nor error may lead there, and nobody is asked to approve. */
async function expectNoRedirect(url: string): Promise<void> {
  const answer = await send(url);
  expect(answer.status).toBe(400);
  expect(answer.headers.get('location')).toBeNull();
  expect(answer.headers.get('refresh')).toBeNull();
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(answer.text).not.toMatch(insides);
  expect(answer.text).not.toMatch(/name="csrf"|http-equiv/i);
}

describe('a look-alike of a registered https URI leads nowhere (RFC 9700 section 4.1.3, CVE-2025-4143, CVE-2026-9689)', () => {
  it.each([
    'https://client.example/cb/path',
    'https://client.example/cb/path?x=1&y=2',
    'https://client.example/cb/path?X=1',
    'https://client.example/cb/path?x=1#',
    'https://client.example/cb/path?x=1#fragment',
    'https://client.example/cb/path/?x=1',
    'https://client.example/cb//path?x=1',
    'https://client.example/cb/./path?x=1',
    'https://client.example/cb/x/../path?x=1',
    'https://client.example/cb/x/%2e%2e/path?x=1',
    'https://client.example/cb%2Fpath?x=1',
    'https://client.example/c%62/path?x=1',
    'https://client.example/cb/path%3Fx=1',
    'https://client.example/CB/path?x=1',
    'https://client.example/cb/path;a?x=1',
    'https://client.example/cb/path?x=1%00',
    'https://client.example/cb/path?x=1\u0000',
    'https://client.example/cb/path?x=1\r\nLocation: https://evil.example',
    'https://client.example/cb/path?x=1 ',
    ' https://client.example/cb/path?x=1',
    '\thttps://client.example/cb/path?x=1',
    'https://client.example/cb/path?x=1\u200b',
    'HTTPS://client.example/cb/path?x=1',
    'https://CLIENT.example/cb/path?x=1',
    'https://client.example:443/cb/path?x=1',
    'https://client.example:8443/cb/path?x=1',
    'https://client.example:/cb/path?x=1',
    'https://client.example./cb/path?x=1',
    'https://client.example\u3002/cb/path?x=1',
    'https://client。example/cb/path?x=1',
    'https://client\u00adexample/cb/path?x=1',
    'https://user@client.example/cb/path?x=1',
    'https://client.example@evil.example/cb/path?x=1',
    'https://client.example:x@evil.example/cb/path?x=1',
    'https://evil.example\\@client.example/cb/path?x=1',
    'https://client.example\\@evil.example/cb/path?x=1',
    'https://client.example%40evil.example/cb/path?x=1',
    'https://client.example.evil.example/cb/path?x=1',
    'https://evilclient.example/cb/path?x=1',
    'https://sub.client.example/cb/path?x=1',
    'https://client.exampIe/cb/path?x=1',
    'https://cli\u0435nt.example/cb/path?x=1',
    'https:/client.example/cb/path?x=1',
    'https:client.example/cb/path?x=1',
    'https:\\\\client.example/cb/path?x=1',
    'https:///client.example/cb/path?x=1',
    'https://;@client.example/cb/path?x=1',
    '//client.example/cb/path?x=1',
    '/cb/path?x=1',
    'http://client.example/cb/path?x=1',
    'ftp://client.example/cb/path?x=1',
    'javascript://client.example/%0aalert(1)',
    'data:text/html,https://client.example/cb/path?x=1',
    'https://evil.example/?https://client.example/cb/path?x=1',
    'https://evil.example#https://client.example/cb/path?x=1',
    '*',
    'https://*.example/cb/path?x=1',
    'null',
    'undefined',
    '__proto__',
    '[object Object]',
    `https://client.example/cb/path?x=1&${'a'.repeat(3000)}`,
  ])('%j', (redirectUri) => expectNoRedirect(web.authorizeUrl({ redirect_uri: redirectUri })));
});

describe('only the port of a loopback URI is free (RFC 8252 section 7.3)', () => {
  it.each(['1', '4000', '65535', '0'])('port %s serves', async (port) => {
    const page = await send(native.authorizeUrl({ redirect_uri: `http://127.0.0.1:${port}/cb` }));
    expect(page.status).toBe(303);
  });

  it.each([
    'http://localhost:4000/cb',
    'http://[::1]:4000/cb',
    'http://127.1:4000/cb',
    'http://127.0.1:4000/cb',
    'http://127.0.0.2:4000/cb',
    'http://127.0.0.1.:4000/cb',
    'http://127.0.0.1.evil.example:4000/cb',
    'http://0.0.0.0:4000/cb',
    'http://2130706433:4000/cb',
    'http://0x7f000001:4000/cb',
    'http://0177.0.0.1:4000/cb',
    'http://[::ffff:127.0.0.1]:4000/cb',
    'http://[0:0:0:0:0:0:0:1]:4000/cb',
    'http://127.0.0.1:4000@evil.example/cb',
    'http://evil.example@127.0.0.1:4000/cb',
    'http://127.0.0.1:4000\\@evil.example/cb',
    'http://127.0.0.1:04000/cb?',
    'http://127.0.0.1:4000/cb/',
    'http://127.0.0.1:4000/cb?x=1',
    'http://127.0.0.1:4000/cb/../evil',
    'http://127.0.0.1:4000/CB',
    'http://127.0.0.1:4000/%63b',
    'http://127.0.0.1:4000/cb#x',
    'http://127.0.0.1:99999/cb',
    'http://127.0.0.1:-1/cb',
    'http://127.0.0.1:4000:5000/cb',
    'https://127.0.0.1:4000/cb',
    'HTTP://127.0.0.1:4000/cb',
    'http://127.0.0.1:x/cb',
    'http://１２７.0.0.1:4000/cb',
    'http://127。0。0。1:4000/cb',
    'http:127.0.0.1:4000/cb',
    'http:///127.0.0.1:4000/cb',
  ])('%s does not', (redirectUri) => expectNoRedirect(native.authorizeUrl({ redirect_uri: redirectUri })));

  it('and an https URI on loopback keeps its port', async () => {
    const client = await createOAuthClient(target.url, { redirect_uris: ['https://localhost:4000/cb'] });
    await expectNoRedirect(client.authorizeUrl({ redirect_uri: 'https://localhost:4001/cb' }));
  });
});

describe('parameter pollution (RFC 6749 section 3.1, CWE-1321)', () => {
  const evil = 'https://evil.example/cb';
  const own = 'https://client.example/cb/path?x=1';
  it.each<[string, (url: URL) => void]>([
    ['a second redirect_uri', (url) => url.searchParams.append('redirect_uri', evil)],
    [
      'a first redirect_uri in front',
      (url) => {
        url.search = `?redirect_uri=${encodeURIComponent(evil)}&${url.search.slice(1)}`;
      },
    ],
    ['the same redirect_uri twice', (url) => url.searchParams.append('redirect_uri', own)],
    ['a second client_id', (url) => url.searchParams.append('client_id', 'other')],
    [
      'redirect_uri as a list',
      (url) => {
        url.searchParams.delete('redirect_uri');
        url.searchParams.append('redirect_uri[]', evil);
      },
    ],
    [
      'redirect_uri as an object',
      (url) => {
        url.searchParams.delete('redirect_uri');
        url.searchParams.append('redirect_uri[0]', evil);
      },
    ],
    [
      'redirect_uri in other case',
      (url) => {
        url.searchParams.delete('redirect_uri');
        url.searchParams.append('REDIRECT_URI', evil);
      },
    ],
    ['no redirect_uri', (url) => url.searchParams.delete('redirect_uri')],
    ['an empty redirect_uri', (url) => url.searchParams.set('redirect_uri', '')],
    ['no client_id', (url) => url.searchParams.delete('client_id')],
    ['an empty client_id', (url) => url.searchParams.set('client_id', '')],
    ['an unknown client_id', (url) => url.searchParams.set('client_id', 'nobody')],
    ['a client_id of prototypes', (url) => url.searchParams.set('client_id', '__proto__')],
    ['a client_id with NUL', (url) => url.searchParams.set('client_id', 'a\0b')],
    ['a lone surrogate', (url) => url.searchParams.set('client_id', '\ud800')],
    ['a client_id of 5000 characters', (url) => url.searchParams.set('client_id', 'a'.repeat(5000))],
  ])('%s gets a page and no redirect', async (_what, change) => {
    const url = new URL(web.authorizeUrl());
    change(url);
    await expectNoRedirect(url.href);
  });

  it('bracketed or nested extras change nothing', async () => {
    const extra =
      '&redirect_uri[]=https://evil.example&state[a]=1&__proto__[x]=1&constructor.prototype.y=1&scope[]=admin';
    const page = await target.browser().get(web.authorizeUrl() + extra);
    expect(page.status).toBe(200);
    expect(page.html).not.toContain('evil.example');
  });
});

describe('what cannot be registered (RFC 7591 section 5, RFC 9700 section 4.1)', () => {
  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    ' javascript:alert(1)',
    '\u0001javascript:alert(1)',
    'javascript://localhost/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:msgbox(1)',
    'file:///etc/passwd',
    'blob:https://client.example/1',
    'filesystem:https://client.example/x',
    'view-source:https://client.example',
    'about:blank',
    'chrome://settings',
    'intent://x#Intent;scheme=https;end',
    'content://x',
    'jar:https://client.example!/x',
    'mailto:a@b.example',
    'tel:123',
    'sms:123',
    'ws://client.example',
    'wss://client.example/cb',
    'ftp://client.example/cb',
    'ms-appx://x',
    'ms-msdt:/id',
    'search-ms:query=x',
    'unknownscheme://cb',
    'http://client.example/cb',
    'http://192.168.0.1/cb',
    'http://127.1/cb',
    'http://2130706433/cb',
    'http://127.0.0.1.evil.example/cb',
    'http://localhost.evil.example/cb',
    'http://localhost@evil.example/cb',
    'http://0.0.0.0/cb',
    'http://[::ffff:7f00:1]/cb',
    'https://user:pass@client.example/cb',
    'https://user@client.example/cb',
    'https://@client.example/cb',
    'https://client.example/cb#',
    'https://client.example/cb#x',
    'https://*.client.example/cb',
    'https://client.example/*',
    'https://client.example/cb\\..\\x',
    'https://client.example\\@evil.example/cb',
    'https://client.example/c b',
    'https://client.example/cb\r\nSet-Cookie: a=b',
    'https://client.example/cb\u0000',
    'https://client.example/\u202ecb',
    'https://cli\u0435nt.example/cb',
    'https:client.example/cb',
    'https:/client.example/cb',
    'https:///client.example/cb',
    'https://',
    '//client.example/cb',
    '/cb',
    'cb',
    '',
    ' ',
    `https://client.example/${'a'.repeat(2049)}`,
    'com.example.app://user@host/cb',
    'com.example.app://cb#x',
  ])('%j', async (redirectUri) => {
    for (const uris of [[redirectUri], ['https://client.example/cb', redirectUri]]) {
      const { answer, writes } = await target.gateway.observe(() => register(target.url, { redirect_uris: uris }));
      expect([answer.status, writes.filter((write) => write !== 'increment')]).toEqual([400, []]);
      expect(['invalid_redirect_uri', 'invalid_client_metadata']).toContain(answer.json?.error);
    }
  });

  it.each([
    null,
    7,
    true,
    {},
    [],
    [null],
    [{}],
    [['https://client.example/cb']],
    'https://client.example/cb',
    { 0: 'x' },
  ])('%j in the place of the list', async (redirectUris) => {
    const { status } = await register(target.url, { redirect_uris: redirectUris });
    expect(status).toBe(400);
  });
});

describe('what goes back to a client', () => {
  it('carries state as data: no header, no other parameter comes of it (CWE-113)', async () => {
    const state = 'a&code=forged&iss=https://evil.example\r\nSet-Cookie: x=y\r\n\r\n<script>';
    const page = await target.signIn({ asked: { state, prompt: 'none' } });
    const to = new URL(page.location ?? '');
    expect(to.searchParams.getAll('state')).toEqual([state]);
    expect(to.searchParams.getAll('code')).toEqual([]);
    expect(to.searchParams.getAll('iss')).toEqual([target.url]);
    expect(page.headers.get('set-cookie') ?? '').not.toContain('x=y');
  });

  it('keeps the query that was registered, and adds to it', async () => {
    const browser = target.browser();
    const page = await target.signIn({ browser, client: web });
    expect(page.location).toMatch(/^https:\/\/client\.example\/cb\/path\?x=1&code=/);
    expect(callbackOf(page).iss).toBe(target.url);
  });
});

describe('an error for a client that nobody has approved (RFC 9700 section 4.11.2, MCP Open Redirection)', () => {
  const wrong: Record<string, Parameters> = {
    'a foreign resource': { resource: 'https://evil.example/mcp' },
    'another response type': { response_type: 'token' },
    'no challenge': { code_challenge: undefined },
    'a request object': { request: 'x' },
    'two scopes': { scope: ['mcp:tools', 'x'] },
    'an impossible prompt': { prompt: 'none login' },
  };
  const fresh = () => createOAuthClient(target.url, { redirect_uris: ['https://EVIL.example/phish'] });

  it.each(Object.entries(wrong))('goes nowhere by itself: %s', async (_what, asked) => {
    const client = await fresh();
    const page = await target.browser().get(client.authorizeUrl(asked));
    expect([page.status, page.location]).toEqual([400, undefined]);
    expect(page.text).toContain('evil.example');
    expect(page.headers.get('refresh')).toBeNull();
    expect(page.html).not.toMatch(/http-equiv="?refresh|<script/i);
    const [link] = page.links.filter(({ href }) => href.startsWith('https://evil.example/phish'));
    expect(new URL(link?.href ?? 'x:').searchParams.get('iss') ?? new URL(link?.href ?? 'x:').hash).toContain(
      link?.href.includes('#') ? 'iss=' : target.url,
    );
  });

  it('goes nowhere by itself of a client by metadata document either', async () => {
    const id = target.host.at('https://client.example/client.json');
    target.host.serve(id, soundDocument(id));
    const ask = (overrides: Parameters) => createDocumentClient(target.url, id).ask(overrides, target.browser());
    const page = await ask({ resource: 'https://evil.example/mcp' });
    expect([page.status, page.location]).toEqual([400, undefined]);
    expect(page.text).toContain('client.example');
  });

  it('goes back once somebody approved the client, and at once to this device', async () => {
    const client = await fresh();
    const code = await target.code({ client });
    expect((await client.redeem(code)).status).toBe(200);
    for (const known of [client, target.client]) {
      const page = await target.browser().get(known.authorizeUrl({ resource: 'https://evil.example/mcp' }));
      expect(callbackOf(page)).toMatchObject({ error: 'invalid_target', iss: target.url });
    }
  });

  it('goes back where no page may be shown (prompt=none), and where the person refused', async () => {
    const client = await fresh();
    const silent = await target.browser().get(client.authorizeUrl({ prompt: 'none' }));
    expect(callbackOf(silent)).toMatchObject({ error: 'login_required' });
    const browser = target.browser();
    const page = await browser.get(client.authorizeUrl());
    const end = await browser.submit(page, 'csrf', { decision: 'deny' });
    expect(callbackOf(end)).toMatchObject({ error: 'access_denied' });
  });
});
