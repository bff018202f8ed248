/** What answers give away: an upstream’s cookies, challenges and redirects, stacks, versions, tokens, what exists */
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, createOAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target, type Tokens } from './support.ts';

let target: Target;
let tokens: Tokens;
beforeAll(async () => {
  target = await startTarget();
  tokens = await target.tokens({ resource: `${target.url}/proxied` });
});
afterEach(() => target.reset());
afterAll(() => target.close());

const call = (answer: RequestListener, method = 'POST'): Promise<Answer> => {
  target.upstream.answer = answer;
  return send(`${target.url}/proxied`, {
    method,
    headers: { authorization: `Bearer ${tokens.access}`, 'content-type': 'application/json' },
    ...(method === 'POST' && { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' }),
  });
};
const json = { 'content-type': 'application/json' };

describe('of an upstream’s answer a client gets what describes it, and no more (RFC 9728 section 7.7)', () => {
  it.each<[string, string | string[]]>([
    ['Set-Cookie', ['a=leak; Path=/', 'mcp_session_x=leak']],
    ['Set-Cookie2', 'a=leak'],
    ['WWW-Authenticate', 'Bearer realm="leak"'],
    ['Proxy-Authenticate', 'Basic realm="leak"'],
    ['Authentication-Info', 'leak'],
    ['Location', 'https://leak.example'],
    ['Content-Location', 'https://leak.example'],
    ['Refresh', '0; url=https://leak.example'],
    ['Link', '<https://leak.example>; rel=preload'],
    ['Alt-Svc', 'h2="leak.example:443"'],
    ['Access-Control-Allow-Origin', 'https://leak.example'],
    ['Access-Control-Allow-Credentials', 'true-leak'],
    ['Access-Control-Expose-Headers', 'leak'],
    ['Content-Security-Policy', 'default-src leak'],
    ['Strict-Transport-Security', 'max-age=0; leak'],
    ['Clear-Site-Data', '"leak"'],
    ['Service-Worker-Allowed', '/leak'],
    ['X-Powered-By', 'leak'],
    ['Server', 'leak'],
    ['Via', '1.1 leak'],
    ['X-Forwarded-For', 'leak'],
    ['X-Debug-Token', 'leak'],
    ['Report-To', '{"leak":1}'],
    ['NEL', '{"leak":1}'],
    ['Server-Timing', 'leak'],
    ['SourceMap', 'leak'],
    ['Trailer', 'leak'],
    ['Keep-Alive', 'leak'],
  ])('not %s', async (name, value) => {
    const answer = await call((_req, res) => void res.writeHead(200, { ...json, [name]: value }).end('{}'));
    expect(answer.status).toBe(200);
    expect(JSON.stringify([...answer.headers])).not.toContain('leak');
  });

  it.each([401, 407])(
    'a status %i of the upstream is not ours: the client would sign in anew for nothing',
    async (status) => {
      const answer = await call(
        (_req, res) =>
          void res
            .writeHead(status, { 'www-authenticate': 'Bearer resource_metadata="https://leak.example"' })
            .end('leak'),
      );
      expect(answer.status).not.toBe(401);
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(`${answer.text}${JSON.stringify([...answer.headers])}`).not.toContain('leak.example');
    },
  );

  it.each([301, 302, 303, 307, 308])(
    'a redirect by %i is neither followed nor passed on (CVE-2026-32871)',
    async (status) => {
      const answer = await call(
        (_req, res) => void res.writeHead(status, { location: `http://127.0.0.2:${target.canary.port}/` }).end(),
      );
      expect([answer.status, answer.headers.get('location')]).toEqual([502, null]);
      expect(target.upstream.received).toHaveLength(1);
    },
  );
});

describe('where the upstream fails, the client gets JSON without address or stack (CVE-2024-21536)', () => {
  it.each<[string, RequestListener]>([
    ['it breaks off', (_req, res) => void res.destroy()],
    ['it resets', (_req, res) => void res.socket?.resetAndDestroy()],
    ['it says nothing that is HTTP', (_req, res) => void res.socket?.end('garbage\r\n\r\n')],
    [
      'its headers never end',
      (_req, res) => void res.socket?.end(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}\r\n`),
    ],
    [
      'its framing says two things',
      (_req, res) =>
        void res.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{}'),
    ],
    [
      'it splits its answer',
      (_req, res) => void res.socket?.end('HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: leak=1\r\nContent-Length: 2\r\n\r\n{}'),
    ],
    [
      'it changes the protocol',
      (_req, res) =>
        void res.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
    ['its status is none', (_req, res) => void res.socket?.end('HTTP/1.1 999 leak\r\nContent-Length: 0\r\n\r\n')],
  ])('%s', async (_what, answer) => {
    for (const method of ['POST', 'GET']) {
      const { status, text, headers } = await call(answer, method);
      expect([200, 502, 503, 504, 999]).toContain(status);
      expect(text).not.toMatch(insides);
      expect(text).not.toMatch(/127\.0\.0\.1|ECONN|socket|HPE_|upstream\/mcp/);
      expect(headers.get('set-cookie')).toBeNull();
    }
    expect((await call((_req, res) => void res.writeHead(200, json).end('{}'))).status).toBe(200);
  });

  it('text of an error of its own passes as data, never as a page of ours', async () => {
    const answer = await call((_req, res) => void res.writeHead(500, json).end('{"error":"at /srv/app.js"}'));
    expect([answer.status, answer.text]).toEqual([500, '{"error":"at /srv/app.js"}']);
  });
});

describe('no answer says what it runs on, or how it failed (CWE-209)', () => {
  const hostile = '"><script>alert(1)</script>\u0000%00';
  const asks = (): readonly (() => Promise<Answer>)[] => [
    () => send(`${target.url}/oauth/authorize?client_id=${encodeURIComponent(hostile)}`),
    () => send(`${target.url}/oauth/authorize?${'a=1&'.repeat(900)}`),
    () => send(`${target.url}/oauth/interaction/x`),
    () => send(`${target.url}/oauth/callback?state=x&code=${encodeURIComponent(hostile)}`),
    () => send(`${target.url}/oauth/connect/x?link=${encodeURIComponent(hostile)}`),
    () => send(`${target.url}/oauth/connections`),
    () => send(`${target.url}/oauth/logout?id_token_hint=${encodeURIComponent(hostile)}`),
    () => postForm(`${target.url}/oauth/token`, { grant_type: hostile, code: hostile, client_id: hostile }),
    () => postForm(`${target.url}/oauth/par`, { client_id: hostile, request: hostile }),
    () => postForm(`${target.url}/oauth/revoke`, { token: hostile, client_id: target.client.clientId }),
    () => postForm(`${target.url}/oauth/introspect`, { token: hostile, client_id: target.client.clientId }),
    () => postForm(`${target.url}/oauth/backchannel-logout`, { logout_token: hostile }),
    () =>
      send(`${target.url}/oauth/register`, {
        headers: { 'content-type': 'application/json' },
        body: '{"redirect_uris":',
      }),
    () => send(`${target.url}/mcp`, { headers: { authorization: 'Bearer x.y.z' } }),
    () => send(`${target.url}/mcp`, { headers: { origin: 'https://evil.example' } }),
    () => send(`${target.url}/proxied`, { headers: { authorization: 'DPoP x' } }),
    () => send(`${target.url}/.well-known/oauth-protected-resource/unknown`),
  ];

  it('whatever is asked', async () => {
    for (const ask of asks()) {
      const { status, text, headers } = await ask();
      expect(status).toBeLessThan(500);
      const all = `${text} ${JSON.stringify([...headers])}`;
      // What no path of ours answers is the app's own, and its framework's page.
      if (status !== 404) expect(all).not.toMatch(insides);
      expect(all).not.toMatch(/<script>alert|x-powered-by|"server"/i);
      expect(all).not.toContain(target.idp.clientSecret);
    }
  });

  it('a redirect with a code is not kept, and leads nobody’s Referer along (RFC 9700 section 4.2.4)', async () => {
    const browser = target.browser();
    await target.signIn({ browser });
    const page = await browser.get(target.client.authorizeUrl());
    const end = await browser.submit(page, 'csrf', { decision: 'approve' });
    expect(end.location).toContain('code=');
    expect(end.headers.get('cache-control')).toContain('no-store');
    expect(end.headers.get('referrer-policy')).toBe('no-referrer');
    expect([302, 303]).toContain(end.status);
    for (const hop of end.redirects) expect([302, 303]).toContain(hop.status);
  });

  it('tokens are never kept by a cache, nor named in an address (RFC 6749 section 5.1)', async () => {
    const code = await target.code();
    const { headers, json: body } = await target.client.redeem(code);
    expect(headers.get('cache-control')).toContain('no-store');
    expect(headers.get('location')).toBeNull();
    const answer = await target.call(String(body?.access_token));
    expect(JSON.stringify(answer.json)).not.toContain(String(body?.access_token));
    expect(JSON.stringify(target.gateway.events)).not.toContain(String(body?.access_token));
  });
});

describe('what exists is not told to strangers', () => {
  it('an unknown and a foreign token, code and client look alike', async () => {
    const other = await createOAuthClient(target.url);
    const code = await target.code();
    const pairs: [Answer, Answer][] = [
      [await other.refresh(tokens.refresh), await other.refresh('unknown')],
      [await other.redeem(code), await other.redeem('unknown')],
      [await other.introspect(tokens.access), await other.introspect('unknown')],
      [await other.revoke(tokens.access), await other.revoke('unknown')],
      [await target.call(tokens.access, '/other'), await target.call('unknown', '/other')],
    ];
    for (const [foreign, unknown] of pairs)
      expect([foreign.status, foreign.text]).toEqual([unknown.status, unknown.text]);
  });

  it('an interaction of another person looks like none', async () => {
    const browser = target.browser();
    const page = await browser.get(target.client.authorizeUrl());
    const thief = target.browser();
    const strip = (text: string) => text.replace(/Reference: \S+/, '');
    const [foreign, unknown] = [
      await thief.get(page.url),
      await thief.get(`${target.url}/oauth/interaction/${'x'.repeat(43)}`),
    ];
    expect([foreign.status, strip(foreign.text)]).toEqual([unknown.status, strip(unknown.text)]);
  });
});
