import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Page } from '../helpers/browser.ts';
import { callbackOf, send } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, failure, keptRecords, requestsTo, startFederation } from './support.ts';

const UNVERIFIED = ['server_error', 'the sign-in could not be verified'] as const;

let federation: Federation;
beforeAll(async () => {
  federation = await startFederation();
});
afterEach(() => {
  jest.useRealTimers();
  federation.reset();
});
afterAll(() => federation.close());

/** The callback URL with some parameters replaced, left out (undefined) or repeated (an array). */
function altered(callback: string, changes: Record<string, string | readonly string[] | undefined>): string {
  const url = new URL(callback);
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name);
    for (const item of value === undefined ? [] : [value].flat()) url.searchParams.append(name, item);
  }
  return url.href;
}

const parameter = (url: string, name: string) => new URL(url).searchParams.get(name) ?? '';

/** A page of ours that says nothing of the cause and sends the browser nowhere. */
function expectRefusal(page: Page): void {
  expect(page).toMatchObject({ status: 400, redirects: [] });
  expect(page.location).toBeUndefined();
  expect(page.text).toContain('This sign-in has expired');
}

describe('a callback that belongs to no login of this browser', () => {
  it.each<[string, Record<string, string | readonly string[] | undefined>, string]>([
    ['a state that was never given out', { state: 'A'.repeat(43) }, 'state_unknown'],
    ['no state', { state: undefined }, 'state_missing'],
    ['an empty state', { state: '' }, 'state_missing'],
    ['a state that is none', { state: '../../Identity' }, 'state_missing'],
    ['nothing at all', { state: undefined, code: undefined, iss: undefined }, 'state_missing'],
  ])('is answered by a page: %s (RFC 9700 section 4.7)', async (_name, changes, reason) => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const observed = await federation.gateway.observe(() => browser.get(altered(callback, changes)));

    expectRefusal(observed.answer);
    expect(observed.events).toEqual([`login.failed: ${reason}`]);
    expect(observed.writes).toEqual([]);
    expect(requestsTo(federation, '/token')).toEqual([]);
    expect(await browser.get(callback)).toMatchObject({ status: 303 });
  });

  it.each(['state', 'code', 'iss', 'error'])(
    'is refused with %s twice, and used up by nobody (RFC 6749 section 3.1)',
    async (name) => {
      const browser = federation.browser();
      const callback = await federation.signInOnly(browser);
      const twice = altered(callback, { [name]: [parameter(callback, name) || 'access_denied', 'another'] });
      const observed = await federation.gateway.observe(() => browser.get(twice));

      expectRefusal(observed.answer);
      expect(observed.writes).toEqual([]);
      expect(await browser.get(callback)).toMatchObject({ status: 303 });
    },
  );

  it('is refused where its query is longer than any honest one (CWE-400)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    expectRefusal(await browser.get(altered(callback, { padding: 'x'.repeat(8 * 1024) })));
  });

  it.each(['POST', 'HEAD', 'PUT'])('is not taken by %s (OpenID Connect Core section 3.1.2.5)', async (method) => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const cookie = browser
      .cookies(callback)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');

    expect(await send(callback, { method, headers: { cookie } })).toMatchObject({ status: 400 });
    expect(await browser.get(callback)).toMatchObject({ status: 303 });
  });

  it('opens no foreign login in a victim’s browser, and the right browser finishes after it (login CSRF, RFC 9700 section 4.7)', async () => {
    const [attacker, victim] = [federation.browser(), federation.browser()];
    const callback = await federation.signInOnly(attacker, 'bob');
    await federation.approve(victim);
    const observed = await federation.gateway.observe(() =>
      victim.get(callback, { from: 'https://attacker.example/' }),
    );

    expectRefusal(observed.answer);
    expect(observed.events).toEqual(['login.failed: other_browser']);
    expect(observed.writes).toEqual([]);
    expect(victim.cookies().filter(({ name }) => name.startsWith('mcp_session'))).toEqual([]);

    const { code } = callbackOf(await attacker.get(callback));
    expect((await federation.userOf(code)).sub).toBe('bob');
  });

  it('is refused in the same browser once its cookie was replaced (RFC 9700 section 4.7)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const [login] = browser.cookies().filter(({ name }) => name.startsWith('mcp_login'));
    browser.setCookie(federation.gateway.url, `${login?.name}=${'A'.repeat(43)}; Path=/`);

    expectRefusal(await browser.get(callback));
  });

  it('leaks nothing through its page or its redirect (RFC 9700 section 4.2.4)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const refused = await browser.get(altered(callback, { state: 'A'.repeat(43) }));
    const [finished] = (await browser.get(callback)).redirects;

    for (const page of [refused, finished]) {
      expect(page?.headers.get('cache-control')).toBe('no-store');
      expect(page?.headers.get('referrer-policy')).toBe('no-referrer');
    }
    expect(refused.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'nonce-[\w-]{22}'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(refused.html).not.toContain(parameter(callback, 'code'));
  });
});

describe('a callback sent again', () => {
  it('gives no second code (RFC 9700 section 4.7)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    expect(callbackOf(await browser.get(callback))).toHaveProperty('code');
    const observed = await federation.gateway.observe(() => browser.get(callback));

    expectRefusal(observed.answer);
    expect(observed.events).toEqual(['login.failed: state_unknown']);
    expect(keptRecords(observed)).toEqual([]);
    expect(requestsTo(federation, '/token')).toHaveLength(1);
  });

  it('ten times at once, and ten times followed, gives one code from one token request (RFC 9700 section 4.7)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const cookie = browser
      .cookies(callback)
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(callback, { headers: { cookie } })));

    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(400)]);
    expect(requestsTo(federation, '/token')).toHaveLength(1);
    const onwards = answers.find(({ status }) => status === 303)?.headers.get('location') ?? '';
    const ends = await Promise.all(Array.from({ length: 10 }, () => browser.get(onwards)));
    expect(ends.filter((page) => 'code' in callbackOf(page))).toHaveLength(1);
  });

  it('after a failed login does not try again (RFC 9700 section 4.7)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    federation.idp.misbehave.token = 'http500';
    expect(callbackOf(await browser.get(callback)).error).toBe('temporarily_unavailable');
    federation.idp.behave();

    expectRefusal(await browser.get(callback));
  });
});

describe('a callback with somebody else’s answer', () => {
  it.each<[string, string | undefined]>([
    ['another iss', 'https://attacker.example'],
    ['an iss that differs by a slash', '/'],
    ['no iss, though the provider announces one', undefined],
  ])('is refused before the code is sent anywhere: %s (mix-up, RFC 9207 section 2.4)', async (_name, iss) => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    const foreign = iss === '/' ? `${federation.idp.issuer}/` : iss;
    const observed = await federation.gateway.observe(() => browser.get(altered(callback, { iss: foreign })));

    expect(callbackOf(observed.answer)).toEqual(failure(federation, ...UNVERIFIED));
    expect(observed.events[0]).toBe('login.failed: provider_answer_invalid: invalid response encountered');
    expect(keptRecords(observed)).toEqual([]);
    expect(requestsTo(federation, '/token')).toEqual([]);
  });

  it('is refused where another login of the same browser got the code (code injection, RFC 9700 section 4.5)', async () => {
    const browser = federation.browser();
    const one = await federation.signInOnly(browser, 'alice', { state: 'one' });
    const two = await federation.signInOnly(browser, 'alice', { state: 'two' });
    for (const [callback, code, state] of [
      [one, parameter(two, 'code'), 'one'],
      [two, parameter(one, 'code'), 'two'],
    ] as const) {
      const observed = await federation.gateway.observe(() => browser.get(altered(callback, { code })));
      expect(callbackOf(observed.answer)).toEqual({ ...failure(federation, ...UNVERIFIED), state });
      expect(observed.events[0]).toBe('login.failed: provider_refused_code: invalid_grant');
      expect(keptRecords(observed)).toEqual([]);
    }
  });

  it('is refused without a code (RFC 6749 section 4.1.2)', async () => {
    const browser = federation.browser();
    const callback = await federation.signInOnly(browser);
    expect(callbackOf(await browser.get(altered(callback, { code: undefined })))).toEqual(
      failure(federation, ...UNVERIFIED),
    );
    expect(requestsTo(federation, '/token')).toEqual([]);
  });
});

describe('several logins of one browser', () => {
  it('both finish, in any order, each with its own code and state (RFC 6749 section 10.12)', async () => {
    const browser = federation.browser();
    const one = await federation.signInOnly(browser, 'alice', { state: 'one' });
    const two = await federation.signInOnly(browser, 'alice', { state: 'two' });
    const second = callbackOf(await browser.get(two));
    const first = callbackOf(await browser.get(one));

    expect([first.state, second.state]).toEqual(['one', 'two']);
    expect(first.code).not.toBe(second.code);
    for (const { code } of [first, second]) expect((await federation.userOf(code)).sub).toBe('alice');
  });
});

describe('a login that takes its time', () => {
  it.each<[string, number]>([
    ['finishes within stateTtlSeconds', 890],
    ['is over after stateTtlSeconds', 901],
  ])('%s (seed, browserLogin.stateTtlSeconds)', async (_name, seconds) => {
    moveClock(0);
    const browser = federation.browser();
    const signIn = await federation.approve(browser);
    moveClock(seconds);
    const observed = await federation.gateway.observe(() => browser.submit(signIn, 'login', { login: 'alice' }));

    if (seconds < 900) expect(callbackOf(observed.answer)).toHaveProperty('code');
    else {
      expect(observed.answer).toMatchObject({ status: 400 });
      expect(observed.answer.text).toContain('This sign-in has expired');
      expect(observed.events).toEqual(['login.failed: state_unknown']);
      expect(requestsTo(federation, '/token')).toEqual([]);
    }
  });
});
