/** Codes and refresh tokens: injected, replayed one after the other and side by side, widened, guessed, thrown away by strangers */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, createOAuthClient, type OAuthClient, type Parameters } from '../helpers/oauth-client.ts';
import { distantStorage, startTarget, type Target } from './support.ts';

let target: Target;
let stranger: OAuthClient;
beforeAll(async () => {
  target = await startTarget({
    options: () => ({ storage: distantStorage(), gateway: { tokenCacheSeconds: 0, refreshGraceSeconds: 0 } }),
  });
  stranger = await createOAuthClient(target.url);
});
afterAll(() => target.close());

const mcp = () => `${target.url}/mcp`;
const verdict = ({ status, json }: Answer) => [status, json?.error ?? 'success'].join(' ');
const count = (answers: readonly Answer[], status: number) =>
  answers.filter((answer) => answer.status === status).length;
const atOnce = <T>(times: number, ask: () => Promise<T>) => Promise.all(Array.from({ length: times }, ask));

describe('an authorization code', () => {
  it('sent again ends what came of the first use (RFC 6749 section 4.1.2, CVE-2026-1035 class)', async () => {
    const code = await target.code();
    const first = await target.client.redeem(code);
    expect((await target.call(String(first.json?.access_token))).status).toBe(200);
    expect(verdict(await target.client.redeem(code))).toBe('400 invalid_grant');
    expect((await target.call(String(first.json?.access_token))).status).toBe(401);
    expect(verdict(await target.client.refresh(String(first.json?.refresh_token)))).toBe('400 invalid_grant');
  });

  it('sent sixteen times side by side to a store far away succeeds once (CWE-362)', async () => {
    const code = await target.code();
    const answers = await atOnce(16, () => target.client.redeem(code));
    expect([count(answers, 200), count(answers, 400)]).toEqual([1, 15]);
  });

  it('is refused of another client, and stays good for its owner (workers-oauth-provider #225)', async () => {
    const code = await target.code();
    for (const overrides of [{}, { redirect_uri: target.client.redirectUri, code_verifier: target.client.verifier }])
      expect(verdict(await stranger.redeem(code, overrides))).toBe('400 invalid_grant');
    expect(verdict(await target.client.redeem(code))).toBe('200 success');
  });

  it('of the attacker is not redeemed in the name of a victim’s session: the code alone names the person', async () => {
    const code = await target.code({ user: 'bob' });
    const { json } = await target.client.redeem(code);
    const { user } = (await target.call(String(json?.access_token))).json as { user: { sub: string } };
    expect(user.sub).toBe('bob');
  });

  it.each<[string, () => Parameters, string]>([
    ['another redirect URI', () => ({ redirect_uri: 'http://127.0.0.1:2/callback' }), 'invalid_grant'],
    ['a redirect URI of an attacker', () => ({ redirect_uri: 'https://evil.example' }), 'invalid_grant'],
    ['no redirect URI', () => ({ redirect_uri: undefined }), 'invalid_(?:grant|request)'],
    [
      'two redirect URIs',
      () => ({ redirect_uri: [target.client.redirectUri, 'https://evil.example'] }),
      'invalid_request',
    ],
    ['another resource (GHSA-p2fr-6hmx-4528)', () => ({ resource: `${target.url}/other` }), 'invalid_target'],
    ['a foreign resource', () => ({ resource: 'https://evil.example/mcp' }), 'invalid_target'],
    ['two resources', () => ({ resource: [mcp(), `${target.url}/other`] }), 'invalid_target'],
    ['no client', () => ({ client_id: undefined }), 'invalid_(?:client|request)'],
    ['an unknown client', () => ({ client_id: 'nobody' }), 'invalid_client'],
  ])('with %s is refused', async (_what, overrides, error) => {
    const code = await target.code();
    const refused = await target.client.redeem(code, overrides());
    expect([400, 401]).toContain(refused.status);
    expect(refused.json?.error).toMatch(new RegExp(`^${error}$`));
    expect(refused.json).not.toHaveProperty('access_token');
  });

  it('is not burnt by a wrong resource (workers-oauth-provider #258)', async () => {
    const code = await target.code();
    await target.client.redeem(code, { resource: 'https://evil.example/mcp' });
    expect(verdict(await target.client.redeem(code))).toBe('200 success');
  });

  it('cannot be guessed, and a guess looks like any other (RFC 6749 section 10.10)', async () => {
    const code = await target.code();
    expect(code.length).toBeGreaterThanOrEqual(22);
    const guesses = [
      code.slice(1),
      `${code}x`,
      code.toUpperCase(),
      randomBytes(32).toString('base64url'),
      '',
      'null',
      '__proto__',
      'a\0',
    ];
    for (const guess of guesses)
      expect(verdict(await target.client.redeem(guess))).toMatch(/^400 invalid_(?:grant|request)$/);
    expect(verdict(await target.client.redeem(code))).toBe('200 success');
  });

  it('gets no scope by asking at the token endpoint', async () => {
    const code = await target.code();
    const { json } = await target.client.redeem(code, { scope: 'mcp:tools other:read admin offline_access' });
    expect(json?.scope ?? 'mcp:tools').toBe('mcp:tools');
  });

  it('is neither a refresh token nor an access token (RFC 8725 section 3.12)', async () => {
    const code = await target.code();
    expect(verdict(await target.client.refresh(code))).toBe('400 invalid_grant');
    expect((await target.call(code)).status).toBe(401);
  });
});

describe('a refresh token', () => {
  it('sent again after its successor was used ends the family (OAuth 2.1 section 4.3.1, CVE-2026-9802 class)', async () => {
    const { refresh } = await target.tokens();
    const next = await target.client.refresh(refresh);
    expect(verdict(next)).toBe('200 success');
    expect(verdict(await target.client.refresh(refresh))).toBe('400 invalid_grant');
    expect(verdict(await target.client.refresh(String(next.json?.refresh_token)))).toBe('400 invalid_grant');
    expect((await target.call(String(next.json?.access_token))).status).toBe(401);
  });

  it('sent sixteen times side by side leaves at most one live successor', async () => {
    const { refresh } = await target.tokens();
    const answers = await atOnce(16, () => target.client.refresh(refresh));
    expect(count(answers, 200)).toBeLessThanOrEqual(1);
    expect(count(answers, 200) + count(answers, 400)).toBe(16);
    const heads = answers.flatMap(({ json }) => (json?.refresh_token ? [String(json.refresh_token)] : []));
    const alive = [];
    for (const head of heads) if ((await target.client.refresh(head)).status === 200) alive.push(head);
    expect(alive.length).toBeLessThanOrEqual(1);
  });

  it('of another client is refused, harms nobody, and ends nothing', async () => {
    const { refresh } = await target.tokens();
    for (let times = 0; times < 3; times += 1)
      expect(verdict(await stranger.refresh(refresh))).toBe('400 invalid_grant');
    expect(verdict(await target.client.refresh(refresh))).toBe('200 success');
  });

  it.each<[string, () => Parameters, string]>([
    ['another resource', () => ({ resource: `${target.url}/other` }), 'invalid_target'],
    ['a foreign resource', () => ({ resource: 'https://evil.example' }), 'invalid_target'],
    ['two resources', () => ({ resource: [mcp(), `${target.url}/other`] }), 'invalid_target'],
    ['a wider scope', () => ({ scope: 'mcp:tools other:read' }), 'invalid_scope'],
    ['a foreign scope', () => ({ scope: 'admin' }), 'invalid_scope'],
    ['two scopes', () => ({ scope: ['mcp:tools', 'admin'] }), 'invalid_request'],
    ['itself twice', () => ({ refresh_token: ['a', 'b'] }), 'invalid_request'],
  ])('with %s gives nothing more, and stays good (RFC 6749 section 6)', async (_what, overrides, error) => {
    const { refresh } = await target.tokens();
    expect(verdict(await target.client.refresh(refresh, overrides()))).toBe(`400 ${error}`);
    expect(verdict(await target.client.refresh(refresh))).toBe('200 success');
  });

  it('is neither a code nor an access token, and an access token is none', async () => {
    const { refresh, access } = await target.tokens();
    expect((await target.call(refresh)).status).toBe(401);
    expect(verdict(await target.client.redeem(refresh))).toBe('400 invalid_grant');
    expect(verdict(await target.client.refresh(access))).toBe('400 invalid_grant');
    expect((await target.call(access)).status).toBe(200);
  });

  it('does not outlive its revocation, by its client alone (RFC 7009 section 2.1)', async () => {
    const { refresh, access } = await target.tokens();
    await stranger.revoke(refresh);
    expect((await target.call(access)).status).toBe(200);
    expect((await target.client.revoke(refresh)).status).toBe(200);
    expect(verdict(await target.client.refresh(refresh))).toBe('400 invalid_grant');
    expect((await target.call(access)).status).toBe(401);
  });
});

describe('an approval that is used twice', () => {
  it('ten posts of one decision and ten visits of what follows give at most one code (F-08)', async () => {
    const browser = target.browser();
    await target.signIn({ browser }); // From here on the browser has a session.
    const page = await browser.get(target.client.authorizeUrl());
    const [form] = page.forms.filter(({ fields }) => 'csrf' in fields);
    const answers = await atOnce(10, () =>
      browser.post(form?.action ?? '', { ...form?.fields, decision: 'approve' }, { from: page }),
    );
    const codes = answers.flatMap(({ location }) => new URL(location ?? 'x:').searchParams.get('code') ?? []);
    expect(new Set(codes).size).toBeLessThanOrEqual(1);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
  });

  it('one callback of the identity provider, ten times side by side, gives at most one code (F-07)', async () => {
    const browser = target.browser();
    const stopAt = (url: string) => url.startsWith(`${target.url}/oauth/callback`);
    const page = await browser.get(target.client.authorizeUrl());
    const login = await browser.submit(page, 'csrf', { decision: 'approve' });
    const { location = '' } = await browser.submit(login, 'login', { login: 'alice' }, { stopAt });
    const answers = await atOnce(10, () => browser.get(location));
    const codes = answers.flatMap((answer) => new URL(answer.location ?? 'x:').searchParams.get('code') ?? []);
    expect(new Set(codes).size).toBe(1);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
  });
});
