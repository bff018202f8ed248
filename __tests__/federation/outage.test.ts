import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { record, tally } from '../faults/rounds.ts';
import type { EndpointFault } from '../helpers/identity-provider-faults.ts';
import { closed, createListeners } from '../helpers/listeners.ts';
import { callbackOf, send } from '../helpers/oauth-client.ts';
import { type Federation, failure, keptRecords, startFederation } from './support.ts';

/** For providers that keep us waiting; the others have the default, ten seconds, and no use for it. */
const LIMIT_MS = 500;
/** What a login takes besides that, on a slow machine. */
const MARGIN_MS = 3_000;

const OUTAGE = ['temporarily_unavailable', 'the identity provider does not answer; try again'] as const;
const LIE = ['server_error', 'the sign-in could not be verified'] as const;

type Expectation = readonly [EndpointFault, typeof OUTAGE | typeof LIE, string];

/** The same for every endpoint, apart from the words for what came instead of JSON. */
const expectations = (html: string, redirect: string, http500: string): Expectation[] => [
  ['hang', OUTAGE, 'provider_unreachable: timed_out'],
  ['stall', OUTAGE, 'provider_unreachable: timed_out'],
  ['refuse', OUTAGE, 'provider_unreachable: response_invalid'],
  ['http500', OUTAGE, `provider_unreachable: ${http500}`],
  ['html', LIE, `provider_answer_invalid: ${html}`],
  ['redirect', LIE, `provider_answer_invalid: ${redirect}`],
  ['huge', LIE, 'provider_answer_invalid: too_large'],
];
const documentExpectations = (what: string) =>
  expectations(`${what}: no JSON`, `${what}: status 307`, `${what}: status 500`);

/** A provider of its own for each case: a key set or discovery document that was read once is kept. */
const CASES = [
  ...expectations('unexpected response content-type', 'unexpected HTTP response status code', 'status 500').map(
    (rest) => ['token', ...rest] as const,
  ),
  ...documentExpectations('key set').map((rest) => ['jwks', ...rest] as const),
  ...documentExpectations('discovery document').map((rest) => ['discovery', ...rest] as const),
];

let federation: Federation;

describe('an identity provider that does not answer well', () => {
  const outcomes: { outcome: string; tookMs: number }[] = [];
  afterAll(() => {
    const counts = JSON.stringify(tally(outcomes.map(({ outcome }) => outcome)));
    const longest = Math.max(...outcomes.map(({ tookMs }) => tookMs));
    record(
      'F-25',
      'idp',
      `${outcomes.length} kinds of failure: ${counts}, after ${longest} ms at most (limit ${LIMIT_MS} ms)`,
    );
  });
  afterEach(() => federation.close());

  it.each(CASES)(
    'makes %s fail in time (%s), and the same login succeeds when it is back (RFC 6749 section 4.1.2.1, F-25)',
    async (endpoint, fault, wire, reason) => {
      const browserLogin = fault === 'hang' || fault === 'stall' ? { remoteTimeoutMs: LIMIT_MS } : {};
      federation = await startFederation({ options: () => ({ browserLogin }) });
      const { idp, gateway } = federation;
      idp.misbehave[endpoint] = fault;
      const browser = federation.browser();
      const startedAt = performance.now();
      const observed = await gateway.observe(() => federation.login(browser));

      const tookMs = Math.round(performance.now() - startedAt);
      expect(tookMs).toBeLessThan(LIMIT_MS + MARGIN_MS);
      const [error, description] = wire;
      // Before the browser left for it, an outage is a page from which the person goes on: see below.
      const isPage = endpoint === 'discovery' && wire === OUTAGE;
      expect(observed.answer).toEqual(isPage ? {} : failure(federation, error, description));
      expect(keptRecords(observed)).toEqual([]);
      expect(observed.events).toContain(`login.failed: ${reason}`);
      expect(idp.requests.filter(({ path }) => path.startsWith('/redirected'))).toEqual([]);

      idp.behave();
      expect((await federation.userOf((await federation.login(browser)).code)).sub).toBe('alice');
      outcomes.push({ outcome: isPage ? '503 page' : error, tookMs });
    },
  );

  it('does not keep the server from starting: it is asked at the first login (DESIGN 2)', async () => {
    federation = await startFederation();
    await federation.gateway.auth.ready();

    expect(federation.idp.requests).toEqual([]);
  });

  it('makes a login 503 until it is back, and the person goes on from there (F-27)', async () => {
    federation = await startFederation();
    const { idp } = federation;
    const browser = federation.browser();
    idp.misbehave.discovery = 'refuse';
    const page = await federation.approve(browser);
    expect(page.status).toBe(503);
    expect(page.headers.get('retry-after')).toBe('5');
    expect(page.text).toContain('Signing in is not possible right now');

    const again = await browser.submit(await browser.follow(page, 'Try again'), 'csrf', { decision: 'approve' });
    expect(again.status).toBe(503);

    idp.behave();
    const back = await browser.submit(await browser.follow(again, 'Try again'), 'csrf', { decision: 'approve' });
    const { code } = callbackOf(await browser.submit(back, 'login', { login: 'alice' }));
    expect((await federation.userOf(code)).sub).toBe('alice');
    record('F-27', 'idp', '503 page twice, then the same person signs in from it at the first try');
  });
});

describe('an endpoint of another server', () => {
  const listeners = createListeners();
  afterAll(() => listeners.close());

  it.each(['tokenUrl', 'jwksUrl'] as const)(
    'is cut off where its answer has no end: %s (RFC 9700 section 4.12, CWE-400)',
    async (name) => {
      const endless = await listeners.http((_request, response) => {
        const chunk = Buffer.alloc(16 * 1024, ' ');
        const more = () => {
          while (response.write(chunk));
        };
        response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more);
        more();
      });
      const url = `http://127.0.0.1:${endless.port}/`;
      federation = await startFederation({
        options: ({ issuer }) =>
          name === 'jwksUrl' ? { oidc: { issuer, jwksUrl: url } } : { browserLogin: { tokenUrl: url } },
      });
      try {
        const observed = await federation.gateway.observe(() => federation.login());
        expect(observed.answer).toEqual(failure(federation, ...LIE));
        expect(observed.events).toContain('login.failed: provider_answer_invalid: too_large');
        // Only the reader can have ended it: the writer never does.
        expect(await closed(await endless.firstConnection)).toBe(true);
      } finally {
        await federation.close();
      }
    },
  );

  it('may ask for patience: 429 is an outage (RFC 6585 section 4)', async () => {
    const busy = await listeners.http((_request, response) => {
      response.writeHead(429, { 'retry-after': '5', 'content-type': 'text/plain' }).end('Too Many Requests');
    });
    federation = await startFederation({
      options: () => ({ browserLogin: { tokenUrl: `http://127.0.0.1:${busy.port}/` } }),
    });
    try {
      const observed = await federation.gateway.observe(() => federation.login());
      expect(observed.answer).toEqual(failure(federation, ...OUTAGE));
      expect(observed.events).toContain('login.failed: provider_unreachable: status 429');
    } finally {
      await federation.close();
    }
  });
});

describe('while the identity provider is down', () => {
  beforeAll(async () => {
    federation = await startFederation();
  });
  afterEach(() => federation.reset());
  afterAll(() => federation.close());

  const down = () =>
    Object.assign(federation.idp.misbehave, {
      token: 'refuse',
      jwks: 'refuse',
      discovery: 'refuse',
      userinfo: 'refuse',
    });

  it('tokens that were issued keep working, refresh included, without a request to it (DESIGN 4.10)', async () => {
    const { client, gateway, idp } = federation;
    const tokens = await client.redeem(String((await federation.login()).code));
    federation.reset();
    down();
    const refreshed = await client.refresh(String(tokens.json?.refresh_token));

    for (const { json } of [tokens, refreshed]) {
      const answer = await send(`${gateway.url}/mcp`, {
        headers: { authorization: `Bearer ${String(json?.access_token)}` },
      });
      expect(answer).toMatchObject({ status: 200, json: { sub: 'alice' } });
    }
    expect(idp.requests).toEqual([]);
  });

  it('a person who is signed in approves another client without it (DESIGN 4.10)', async () => {
    const browser = federation.browser();
    await federation.login(browser);
    federation.reset();
    down();

    expect((await federation.userOf((await federation.login(browser)).code)).sub).toBe('alice');
    expect(federation.idp.requests).toEqual([]);
  });

  it('health() says so until it answers again, whoever starts a login meanwhile (F-27)', async () => {
    const { gateway, idp } = federation;
    const isUp = async () => (await gateway.auth.health()).idp;
    expect(await federation.login()).toHaveProperty('code');
    expect(await isUp()).toBe(true);
    down();
    expect((await federation.login()).error).toBe('temporarily_unavailable');
    expect(await isUp()).toBe(false);

    // Neither a login that begins nor one that the person cancels is an answer of the provider to us.
    await federation.approve(federation.browser());
    idp.misbehave.authorize = { error: 'access_denied' };
    expect((await federation.login()).error).toBe('access_denied');
    expect(await isUp()).toBe(false);

    idp.behave();
    expect(await federation.login()).toHaveProperty('code');
    expect(await isUp()).toBe(true);
  });

  it('a login that waits for it holds up nobody else (F-26)', async () => {
    const { client, gateway, idp } = federation;
    const tokens = await client.redeem(String((await federation.login()).code));
    let [arrive, release] = [() => {}, () => {}];
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    idp.misbehave.idToken = async (claims, sign) => {
      arrive();
      await released;
      return sign(claims);
    };
    const waiting = federation.login();
    await arrived;

    const headers = { authorization: `Bearer ${String(tokens.json?.access_token)}` };
    expect((await send(`${gateway.url}/mcp`, { headers })).status).toBe(200);
    expect((await federation.browser().get(client.authorizeUrl())).status).toBe(200);
    release();
    expect(await waiting).toHaveProperty('code');
  });
});
