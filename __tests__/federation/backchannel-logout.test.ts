import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { decodeJwt, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { mcpOAuth, StorageUnavailableError } from '../../lib/index.ts';
import type { Browser } from '../helpers/browser.ts';
import { type Answer, callbackOf, createOAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, requestsTo, startFederation } from './support.ts';

const event = 'http://schemas.openid.net/event/backchannel-logout';

let federation: Federation;
let endpoint: string;
beforeAll(async () => {
  federation = await startFederation({ options: ({ issuer }) => ({ oidc: { issuer, audience: 'api://default' } }) });
  const { gateway, idp } = federation;
  endpoint = `${gateway.url}/oauth/backchannel-logout`;
  idp.backchannelLogoutUris.push(endpoint);
  idp.postLogoutRedirectUris.push(`${gateway.url}/oauth/logout/done`);
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  federation.reset();
});
afterAll(() => federation.close());

interface SignedIn {
  readonly browser: Browser;
  readonly refresh: string;
  readonly access: string;
  /** Session at the identity provider. */
  readonly sid: string;
}

async function signIn(user = 'alice', browser = federation.browser()): Promise<SignedIn> {
  let sid: unknown;
  federation.idp.misbehave.idToken = async (claims, sign) => {
    sid = claims.sid;
    return sign(claims);
  };
  const { code } = await federation.login(browser, user);
  federation.reset();
  const { json } = await federation.client.redeem(String(code));
  return { browser, sid: String(sid), refresh: String(json?.refresh_token), access: String(json?.access_token) };
}

/** Whether the browser is signed in here, and whether the tokens work. */
async function stateOf({ browser, access }: SignedIn): Promise<{ session: boolean; grant: boolean }> {
  const page = await browser.get(federation.client.authorizeUrl());
  const answer = await send(`${federation.gateway.url}/mcp`, { headers: { authorization: `Bearer ${access}` } });
  return { session: /Alice Adams|Bob Brown/.test(page.text), grant: answer.status === 200 };
}

const alive = { session: true, grant: true };
const ended = { session: false, grant: false };

type Claims = Readonly<Record<string, unknown>>;

function claimsOf(over: Claims = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  const { issuer: iss, clientId: aud } = federation.idp;
  return {
    iss,
    aud,
    iat: now,
    exp: now + 120,
    jti: randomUUID(),
    events: { [event]: {} },
    sub: 'alice',
    ...over,
  } as JWTPayload;
}

const tell = (token: string): Promise<Answer> => postForm(endpoint, { logout_token: token });
const sign = (over?: Claims, header: Record<string, unknown> = {}, key?: 'own' | 'foreign') =>
  federation.idp.sign(claimsOf(over), { typ: 'logout+jwt', ...header }, key);

describe('an identity provider that signed somebody out', () => {
  it('ends the session and the grants of that sign-in, as a real provider tells it (OpenID Connect Back-Channel Logout 1.0 section 2.5)', async () => {
    const [alice, elsewhere, bob] = [await signIn(), await signIn(), await signIn('bob')];
    const arrived = new Promise<unknown>((resolve) => federation.gateway.auth.events.on('session.ended', resolve));
    // The provider under test here says that its own guard against loopback addresses is off.
    jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    // The person signs out at the provider itself.
    const question = await alice.browser.get(federation.idp.endpoints.endSession);
    await alice.browser.submit(question, 'xsrf', { logout: 'yes' });

    expect(await arrived).toMatchObject({ reason: 'backchannel logout', sessions: 1, grants: 1 });
    expect(await stateOf(alice)).toEqual(ended);
    expect((await federation.client.refresh(alice.refresh)).json?.error).toBe('invalid_grant');
    expect([await stateOf(elsewhere), await stateOf(bob)]).toEqual([alive, alive]);
    await tell(await sign({ sub: 'bob' }));
  });

  it('is answered 200, without a body that a cache may keep (section 2.8)', async () => {
    const answer = await tell(await sign({ sub: 'nobody-here' }));
    expect([answer.status, answer.text, answer.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
  });

  it.each<[string, (signedIn: SignedIn) => Claims]>([
    ['by session', ({ sid }) => ({ sid, sub: undefined })],
    ['by session and subject', ({ sid }) => ({ sid, sub: 'alice' })],
  ])('ends %s what was allowed in that session, by any application, and nothing else', async (_name, claims) => {
    const [alice, elsewhere] = [await signIn(), await signIn()];
    // Allowed later, to another application, without another login.
    const second = await createOAuthClient(federation.gateway.url);
    const page = await alice.browser.get(second.authorizeUrl());
    const allowed = await alice.browser.submit(page, 'csrf', { decision: 'approve' });
    const { json } = await second.redeem(String(callbackOf(allowed).code));
    const both = { ...alice, access: String(json?.access_token) };
    expect(await stateOf(both)).toEqual(alive);

    expect((await tell(await sign(claims(alice)))).status).toBe(200);
    expect([await stateOf(alice), await stateOf(both)]).toEqual([ended, ended]);
    expect(await stateOf(elsewhere)).toEqual(alive);
    await tell(await sign());
  });

  it('ends by subject every session and grant of the user', async () => {
    const [alice, elsewhere, bob] = [await signIn(), await signIn(), await signIn('bob')];
    expect((await tell(await sign())).status).toBe(200);
    expect([await stateOf(alice), await stateOf(elsewhere)]).toEqual([ended, ended]);
    expect(await stateOf(bob)).toEqual(alive);
    await tell(await sign({ sub: 'bob' }));
  });

  it('does not end the session of one user by the name of another', async () => {
    const [alice, bob] = [await signIn(), await signIn('bob')];
    expect((await tell(await sign({ sid: alice.sid, sub: 'bob' }))).status).toBe(200);
    expect([await stateOf(alice), await stateOf(bob)]).toEqual([alive, alive]);
    await tell(await sign());
    await tell(await sign({ sub: 'bob' }));
  });

  it('may name tokens without a type, as older providers do', async () => {
    expect((await tell(await sign({ sub: 'nobody-here' }, { typ: undefined }))).status).toBe(200);
    expect((await tell(await sign({ sub: 'nobody-here' }, { typ: 'JWT' }))).status).toBe(200);
  });
});

describe('a logout token that is not one', () => {
  let alice: SignedIn;
  beforeAll(async () => {
    alice = await signIn();
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['of another type', () => sign({}, { typ: 'at+jwt' }), /^typ is another/],
    ['signed by another key', () => sign({}, {}, 'foreign'), /signature verification failed/],
    ['with an unknown key id', () => sign({}, { kid: 'unknown' }), /no applicable key/],
    ['without a signature', async () => new UnsecuredJWT(claimsOf()).encode(), /"alg"/],
    [
      'signed by HMAC with a public text',
      async () =>
        new SignJWT(claimsOf())
          .setProtectedHeader({ alg: 'HS256', typ: 'logout+jwt' })
          .sign(new TextEncoder().encode('gateway-secret-of-at-least-32-bytes')),
      /"alg"/,
    ],
    ['of another issuer', () => sign({ iss: 'https://evil.example' }), /^iss is no identity provider/],
    ['without an issuer', () => sign({ iss: undefined }), /^iss is no identity provider/],
    ['for another client', () => sign({ aud: 'another' }), /"aud"/],
    ['for another client, too', () => sign({ aud: [federation.idp.clientId, 'another'] }), /^an audience is another/],
    ['for the audience of ID tokens alone', () => sign({ aud: 'api://default' }), /"aud"/],
    ['without an audience', () => sign({ aud: undefined }), /"aud"/],
    ['that has expired', () => sign({ exp: Math.floor(Date.now() / 1000) - 90 }), /"exp"/],
    ['that never expires', () => sign({ exp: undefined }), /"exp"/],
    ['of an hour ago', () => sign({ iat: Math.floor(Date.now() / 1000) - 3600 }), /"iat"/],
    ['of the future', () => sign({ iat: Math.floor(Date.now() / 1000) + 3600 }), /"iat"/],
    ['without a time of issue', () => sign({ iat: undefined }), /"iat"/],
    ['without an id', () => sign({ jti: undefined }), /"jti"/],
    ['with an empty id', () => sign({ jti: '' }), /^jti/],
    ['without an event', () => sign({ events: undefined }), /"events"/],
    ['with another event', () => sign({ events: { 'https://example.com/event': {} } }), /^events/],
    ['with an event that is no object', () => sign({ events: { [event]: 'yes' } }), /^events/],
    ['with events in a list', () => sign({ events: [event] }), /^events/],
    ['with a nonce, as an ID token has', () => sign({ nonce: 'a nonce' }), /^nonce/],
    ['for nobody', () => sign({ sub: undefined }), /^neither sub nor sid/],
    ['for a subject that is a number', () => sign({ sub: 7 }), /^sub/],
    ['for a session that no store can keep', () => sign({ sid: 'a\u0000b' }), /^sid/],
    ['that is no JWT', async () => 'a.b.c', /^not a JWT/],
    ['of 20 KB', () => sign({ more: 'x'.repeat(20_000) }), /^too large/],
  ])('is refused %s, and ends nothing (section 2.6)', async (_name, token, reason) => {
    const { answer, events } = await federation.gateway.observe(async () => tell(await token()));
    expect([answer.status, answer.json]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'the logout token is not valid' },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(events).toHaveLength(1);
    expect(events[0]?.replace('logout.refused: ', '')).toMatch(reason);
    expect(await stateOf(alice)).toEqual(alive);
  });

  it('is refused where it is an ID token of the same person and client (RFC 8725 section 2.8)', async () => {
    const own = federation.browser();
    let idToken = '';
    federation.idp.misbehave.idToken = async (claims, signIdToken) => {
      idToken = await signIdToken(claims);
      return idToken;
    };
    await federation.login(own);
    expect(decodeJwt(idToken).sub).toBe('alice');
    expect((await tell(idToken)).status).toBe(400);
    expect(await stateOf(alice)).toEqual(alive);
  });

  it('is never an ID token either: the callback refuses it (section 4)', async () => {
    federation.idp.misbehave.idToken = (claims) =>
      federation.idp.sign({ ...claimsOf(), ...claims, nonce: undefined }, { typ: 'logout+jwt' });
    expect(await federation.login()).toMatchObject({ error: 'server_error' });
  });

  it.each<[string, () => Promise<Answer>, number]>([
    ['twice in one request', async () => postForm(endpoint, { logout_token: [await sign(), await sign()] }), 400],
    ['in no request at all', async () => postForm(endpoint, {}), 400],
    [
      'as JSON',
      async () =>
        send(endpoint, {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ logout_token: await sign() }),
        }),
      400,
    ],
    ['in a URL', async () => send(`${endpoint}?logout_token=${await sign()}`), 405],
    [
      'in the URL of a POST',
      async () => send(`${endpoint}?logout_token=${await sign()}`, { method: 'POST', body: '' }),
      400,
    ],
  ])('is refused %s', async (_name, work, status) => {
    expect((await work()).status).toBe(status);
    expect(await stateOf(alice)).toEqual(alive);
  });

  it('costs the provider no more than two key set requests, however many unknown keys are named (issue 6, Show)', async () => {
    federation.reset();
    const now = Date.now();
    for (let count = 0; count < 50; count += 1) await tell(await sign({}, { kid: `unknown-${now}-${count}` }));
    expect(requestsTo(federation, '/jwks').length).toBeLessThanOrEqual(2);
    expect(await stateOf(alice)).toEqual(alive);
  });
});

describe('a logout token that was used', () => {
  it('is refused again, also on another replica: it cannot end the next session (section 2.6)', async () => {
    const { gateway, idp } = federation;
    await signIn();
    const token = await sign();
    expect((await tell(token)).status).toBe(200);
    const later = await signIn();

    const replica = mcpOAuth({
      issuer: gateway.url,
      oidc: { issuer: idp.issuer },
      browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret },
      storage: gateway.storage,
      secret: 'a secret of the tests, long enough for everyone',
    });
    const server = createServer((req, res) => replica(req, res, () => res.writeHead(404).end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const body = `logout_token=${token}`;
      const headers = { host: new URL(gateway.url).host, 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await send(`http://127.0.0.1:${port}/oauth/backchannel-logout`, { headers, body });
      expect(answer.status).toBe(400);
    } finally {
      server.closeAllConnections();
      server.close();
      await replica.close();
    }
    expect((await tell(token)).status).toBe(400);
    expect(await stateOf(later)).toEqual(alive);
    // As long as its times are accepted, its use is remembered.
    moveClock(179);
    expect((await tell(token)).status).toBe(400);
  });

  it('is not remembered for ever, however long it says that it lives', async () => {
    const { gateway } = federation;
    const now = Math.floor(Date.now() / 1000);
    expect((await tell(await sign({ sub: 'nobody-here', jti: 'for ever', exp: 4_000_000_000 }))).status).toBe(200);
    const [, written] = /"isDone":true\},\{"expiresAt":(\d+)\}[^\n]*$/.exec(gateway.written('LogoutToken')) ?? [];
    expect(Number(written)).toBeGreaterThanOrEqual(now + 600);
    expect(Number(written)).toBeLessThan(now + 800);
  });

  it('ends what is meant when an outage cut the first attempt off', async () => {
    const { gateway } = federation;
    const alice = await signIn();
    const token = await sign({ sid: alice.sid });
    const { deleteByGrant } = gateway.storage;
    Object.assign(gateway.storage, { deleteByGrant: () => Promise.reject(new StorageUnavailableError('down')) });
    const cut = await tell(token);
    Object.assign(gateway.storage, { deleteByGrant });
    expect([cut.status, cut.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await tell(token)).status).toBe(200);
    expect(await stateOf(alice)).toEqual(ended);
  });
});
