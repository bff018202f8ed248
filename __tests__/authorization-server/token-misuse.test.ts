import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { type Answer, createOAuthClient, type OAuthClient, type Parameters, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let owner: OAuthClient;
let stranger: OAuthClient;
let browser: Browser;
beforeAll(async () => {
  gateway = await startObservedGateway({
    routes(app, auth) {
      app.all('/mcp', auth.authenticate('/mcp', { default: true }), (_req, res) => void res.json({ ok: true }));
      app.all('/other', auth.authenticate('/other'), (_req, res) => void res.json({ ok: true }));
    },
  });
  owner = await createOAuthClient(gateway.url);
  stranger = await createOAuthClient(gateway.url);
  browser = createBrowser();
});
/** Closed at the end, whatever failed. */
const others: { close(): Promise<unknown> }[] = [];
afterAll(() => Promise.all([gateway, ...others].map((open) => open.close())));

interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

const tokensOf = ({ json }: Answer) => json as unknown as Tokens;
const signIn = async () => tokensOf(await owner.redeem(await owner.login(browser)));
const use = async (token: string, path = '/mcp') =>
  (await send(gateway.url + path, { headers: { authorization: `Bearer ${token}` } })).status;

/** The answer says no more than it must (RFC 6749 section 5.2); nothing was written, so nothing was used up. */
function expectRefused(observed: Observed<Answer>, error: string, reason: string): void {
  const { answer, events, writes } = observed;
  expect({ status: answer.status, error: answer.json?.error, events, writes }).toEqual({
    status: 400,
    error,
    events: [`token.refused: ${reason}`],
    writes: [],
  });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  if (error === 'invalid_grant') expect(answer.json?.error_description).toBe('grant request is invalid');
}

describe('a code', () => {
  it.each<[string, Parameters, string, string]>([
    ['an unknown code', { code: 'x'.repeat(43) }, 'invalid_grant', 'authorization code not found'],
    ['no code', { code: undefined }, 'invalid_request', "missing required parameter 'code'"],
    [
      'another verifier',
      { code_verifier: 'x'.repeat(43) },
      'invalid_grant',
      'code_verifier does not match code_challenge',
    ],
    ['no verifier', { code_verifier: undefined }, 'invalid_grant', 'code_verifier must be provided'],
    [
      'a short verifier',
      { code_verifier: 'x' },
      'invalid_request',
      'code_verifier must be a string with a minimum length of 43 characters',
    ],
    [
      'a malformed verifier',
      { code_verifier: '!'.repeat(43) },
      'invalid_request',
      'code_verifier contains invalid characters',
    ],
    [
      'another redirect URI',
      { redirect_uri: 'http://127.0.0.1:1/other' },
      'invalid_grant',
      'authorization code redirect_uri mismatch',
    ],
    [
      'another port on loopback',
      { redirect_uri: 'http://127.0.0.1:2/callback' },
      'invalid_grant',
      'authorization code redirect_uri mismatch',
    ],
    ['no redirect URI', { redirect_uri: undefined }, 'invalid_request', "missing required parameter 'redirect_uri'"],
    ['another resource of this server', { resource: '/other' }, 'invalid_target', 'resource was not granted'],
    [
      'a resource of another server',
      { resource: 'https://other.example/mcp' },
      'invalid_target',
      'resource was not granted',
    ],
    ['a second resource', { resource: ['/mcp', '/other'] }, 'invalid_target', 'resource was not granted'],
  ])(
    'with %s is refused, and redeems rightly afterwards (RFC 8707 section 2.2)',
    async (_what, wrong, error, reason) => {
      const code = await owner.login(browser);
      const resource = [wrong.resource ?? '/mcp']
        .flat()
        .map((item) => (item.startsWith('/') ? gateway.url + item : item));

      const refused = await gateway.observe(() => owner.redeem(code, { ...wrong, resource }));
      const redeemed = await owner.redeem(code);

      expectRefused(refused, error, `${error}: ${reason}`);
      expect(redeemed.status).toBe(200);
      expect(await use(tokensOf(redeemed).access_token)).toBe(200);
    },
  );

  it('of another client is refused, and stays usable by its owner (RFC 6749 section 4.1.3)', async () => {
    const code = await owner.login(browser);

    const refused = await gateway.observe(() => stranger.redeem(code, { code_verifier: owner.verifier }));

    expectRefused(refused, 'invalid_grant', 'invalid_grant: client mismatch');
    expect((await owner.redeem(code)).status).toBe(200);
  });

  it('gives no scope that was not approved, whatever the redemption asks for (RFC 6749 section 3.3)', async () => {
    const { status, json } = await owner.redeem(await owner.login(browser), { scope: 'mcp:tools mcp:admin' });

    expect([status, json?.scope]).toEqual([200, 'mcp:tools']);
  });

  it('sent again is refused and ends the tokens of the first use (RFC 6749 section 4.1.2)', async () => {
    const code = await owner.login(browser);
    const first = tokensOf(await owner.redeem(code));
    expect(await use(first.access_token)).toBe(200);

    const { answer, events } = await gateway.observe(() => owner.redeem(code));

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    expect(events).toContain('token.reuse_detected: invalid_grant: authorization code was used before');
    expect(events).not.toContain('token.issued');
    expect(await use(first.access_token)).toBe(401);
    expect((await owner.refresh(first.refresh_token)).json?.error).toBe('invalid_grant');
  });

  it('sent again by a stranger ends nothing', async () => {
    const code = await owner.login(browser);
    const first = tokensOf(await owner.redeem(code));

    const { status } = await stranger.redeem(code, { code_verifier: owner.verifier });

    expect(status).toBe(400);
    expect(await use(first.access_token)).toBe(200);
  });

  it('redeemed twenty times side by side succeeds exactly once (F-01)', async () => {
    const code = await owner.login(browser);

    const { answer, events } = await gateway.observe(() =>
      Promise.all(Array.from({ length: 20 }, () => owner.redeem(code))),
    );

    expect(answer.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(400)]);
    expect(answer.filter(({ json }) => json?.error === 'invalid_grant')).toHaveLength(19);
    expect(events.filter((event) => event === 'token.issued')).toHaveLength(1);
  });

  it('never succeeds twice where the store takes its time (CWE-362)', async () => {
    const slow = await startObservedGateway();
    others.push(slow);
    const client = await createOAuthClient(slow.url);
    const code = await client.login(createBrowser());
    const { consume } = slow.storage;
    // Every redemption has read the code as unused before the first one uses it up.
    let waiting = 0;
    let release = () => {};
    const allRead = new Promise<void>((resolve) => {
      release = resolve;
    });
    slow.storage.consume = async (...parameters) => {
      if (++waiting === 20) release();
      await allRead;
      return consume(...parameters);
    };

    const answers = await Promise.all(Array.from({ length: 20 }, () => client.redeem(code)));

    expect(waiting).toBe(20);
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(answers.every(({ status, json }) => status === 200 || json?.error === 'invalid_grant')).toBe(true);
  });
});

describe('a refresh token', () => {
  it.each<[string, Parameters, string, string]>([
    ['another resource', { resource: '/other' }, 'invalid_target', 'resource was not granted'],
    [
      'a resource of another server',
      { resource: 'https://other.example/mcp' },
      'invalid_target',
      'resource was not granted',
    ],
    ['a second resource', { resource: ['/mcp', '/other'] }, 'invalid_target', 'only one resource may be requested'],
    ['a scope more', { scope: 'mcp:tools mcp:admin' }, 'invalid_scope', 'refresh token missing requested scope'],
    ['another scope', { scope: 'mcp:admin' }, 'invalid_scope', 'refresh token missing requested scope'],
    [
      'itself twice',
      { refresh_token: ['a', 'a'] },
      'invalid_request',
      "'refresh_token' parameter must not be provided twice",
    ],
  ])(
    'asked for %s is refused, and works rightly afterwards (RFC 6749 section 6)',
    async (_what, wrong, error, reason) => {
      const { refresh_token: token } = await signIn();
      const resource =
        wrong.resource && [wrong.resource].flat().map((item) => (item.startsWith('/') ? gateway.url + item : item));

      const refused = await gateway.observe(() => owner.refresh(token, { ...wrong, resource }));
      const refreshed = await owner.refresh(token);

      expectRefused(refused, error, `${error}: ${reason}`);
      expect(refreshed.status).toBe(200);
      expect(await use(tokensOf(refreshed).access_token)).toBe(200);
    },
  );

  it('of another client is refused, and stays usable by its owner (RFC 6749 section 6)', async () => {
    const { refresh_token: token } = await signIn();

    const refused = await gateway.observe(() => stranger.refresh(token));

    expectRefused(refused, 'invalid_grant', 'invalid_grant: client mismatch');
    expect((await owner.refresh(token)).status).toBe(200);
  });

  it('is not interchangeable with an access token, a code or nothing (RFC 8725 section 3.12)', async () => {
    const { access_token: accessToken, refresh_token: refreshToken } = await signIn();
    const code = await owner.login(browser);
    const notFound = 'invalid_grant: refresh token not found';

    expectRefused(await gateway.observe(() => owner.refresh(accessToken)), 'invalid_grant', notFound);
    expectRefused(await gateway.observe(() => owner.refresh(code)), 'invalid_grant', notFound);
    expectRefused(
      await gateway.observe(() => owner.redeem(refreshToken)),
      'invalid_grant',
      'invalid_grant: authorization code not found',
    );
    expectRefused(
      await gateway.observe(() => owner.refresh('', { refresh_token: undefined })),
      'invalid_request',
      "invalid_request: missing required parameter 'refresh_token'",
    );
  });

  it('is rotated: the answer brings another one, and the access tokens of both live (OAuth 2.1 section 4.3.1)', async () => {
    const first = await signIn();

    const second = tokensOf(await owner.refresh(first.refresh_token));

    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second.access_token).not.toBe(first.access_token);
    expect(await use(second.access_token)).toBe(200);
  });

  it('narrows the scope of an access token where asked, and not its own (RFC 6749 section 6)', async () => {
    const wide = await startObservedGateway({
      routes: (app, auth) =>
        void app.all('/mcp', auth.authenticate('/mcp', { scopes: ['mcp:tools', 'mcp:read'] }), (_req, res) =>
          res.json({ ok: true }),
        ),
    });
    others.push(wide);
    const client = await createOAuthClient(wide.url);
    const first = await client.redeem(await client.login(createBrowser()));

    const narrow = await client.refresh(tokensOf(first).refresh_token, { scope: 'mcp:read' });
    const again = await client.refresh(tokensOf(narrow).refresh_token);

    expect([first, narrow, again].map(({ json }) => json?.scope)).toEqual([
      'mcp:tools mcp:read',
      'mcp:read',
      'mcp:tools mcp:read',
    ]);
  });

  it('is not issued to a client that did not register the grant (RFC 7591 section 2)', async () => {
    const modest = await createOAuthClient(gateway.url, { grant_types: ['authorization_code'] });

    const { status, json } = await modest.redeem(await modest.login(browser, { scope: 'mcp:tools offline_access' }));

    expect(status).toBe(200);
    expect(json).not.toHaveProperty('refresh_token');
  });
});
