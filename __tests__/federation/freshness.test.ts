import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { callbackOf } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, isSignInPage, requestsTo, startFederation } from './support.ts';

let federation: Federation;
beforeAll(async () => {
  federation = await startFederation();
});
afterEach(() => {
  jest.useRealTimers();
  federation.reset();
});
afterAll(() => federation.close());

describe('max_age (OpenID Connect Core section 3.1.2.1)', () => {
  it('asks for a login where the session’s is older, and for none where it is not', async () => {
    const browser = federation.browser();
    moveClock(0);
    await federation.login(browser);
    federation.reset();
    moveClock(500);
    expect(await federation.login(browser, 'alice', { max_age: '600' })).toHaveProperty('code');
    expect(federation.idp.requests).toEqual([]);
    moveClock(700);
    const page = await federation.approve(browser, { max_age: '600' });
    expect(isSignInPage(page)).toBe(true);
    expect(requestsTo(federation, '/authorize')[0]?.query.get('max_age')).toBe('600');
    expect(callbackOf(await browser.submit(page, 'login', { login: 'alice' }))).toHaveProperty('code');
  });

  it('counts from the login at the identity provider, not from the one here', async () => {
    const browser = federation.browser();
    federation.idp.misbehave.idToken = (claims, sign) =>
      sign({ ...claims, auth_time: Math.floor(Date.now() / 1000) - 5000 });
    await federation.login(browser);
    federation.reset();
    expect(await federation.login(browser, 'alice', { max_age: '6000' })).toHaveProperty('code');
    expect(federation.idp.requests).toEqual([]);
    await federation.approve(browser, { max_age: '4000' });
    expect(requestsTo(federation, '/authorize')).toHaveLength(1);
  });

  it.each<[string, (now: number) => Record<string, unknown>, string]>([
    ['is older', (now) => ({ auth_time: now - 1000 }), 'login_not_fresh: 1000 s old'],
    ['does not say when', () => ({ auth_time: undefined }), 'login_not_fresh: its time is not known'],
  ])('is kept also against a provider whose login %s', async (_name, claims, reason) => {
    federation.idp.misbehave.idToken = (given, sign) =>
      sign({ ...given, ...claims(Math.floor(Date.now() / 1000)) } as never);
    const { answer, events } = await federation.gateway.observe(() =>
      federation.login(federation.browser(), 'alice', { max_age: '600' }),
    );
    expect(answer).toMatchObject({ error: 'login_required', state: 'the state' });
    expect(events.map((event) => event.replace(/\b100\d s/, '1000 s'))).toContain(`login.failed: ${reason}`);
  });

  it('fails at once where nobody may be asked (prompt=none)', async () => {
    const browser = federation.browser();
    moveClock(0);
    await federation.login(browser);
    moveClock(700);
    const page = await browser.get(federation.client.authorizeUrl({ prompt: 'none', max_age: '600' }));
    expect(callbackOf(page)).toMatchObject({ error: 'login_required' });
  });
});

describe('prompt=login (OpenID Connect Core section 3.1.2.1)', () => {
  const claim = (auth_time: number | undefined) => {
    federation.idp.misbehave.idToken = (given, sign) => sign({ ...given, auth_time } as never);
    return federation.gateway.observe(() => federation.login(federation.browser(), 'alice', { prompt: 'login' }));
  };
  const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds;

  it('is not met by an older login at the provider', async () => {
    const { answer, events } = await claim(ago(1000));
    expect(answer).toMatchObject({ error: 'login_required', state: 'the state' });
    expect(events.join()).toMatch(/login\.failed: login_not_fresh: 100\d s old/);
  });

  it('is met by one of now, and where the provider gives no time, which it need not', async () => {
    expect((await claim(ago(10))).answer).toHaveProperty('code');
    expect((await claim(undefined)).answer).toHaveProperty('code');
  });

  it('holds no provider to it that cannot be asked for a login', async () => {
    const own = await startFederation({
      options: () => ({ browserLogin: { promptValues: ['consent'] } }),
    });
    try {
      own.idp.misbehave.idToken = (given, sign) => sign({ ...given, auth_time: ago(1000) } as never);
      expect(await own.login(own.browser(), 'alice', { prompt: 'login' })).toHaveProperty('code');
    } finally {
      await own.close();
    }
  });
});

describe('a provider that takes other values of prompt', () => {
  it.each<[string, readonly ['consent', 'select_account'] | readonly ['login', 'select_account'], string, string]>([
    ['login where it only lets people choose (Google)', ['consent', 'select_account'], 'login', 'select_account'],
    ['the choice of an account where it offers that', ['login', 'select_account'], 'select_account', 'select_account'],
    ['both', ['login', 'select_account'], 'login select_account', 'login select_account'],
  ])('is asked for %s', async (_name, promptValues, prompt, asked) => {
    const own = await startFederation({ options: () => ({ browserLogin: { promptValues } }) });
    try {
      await own.approve(own.browser(), { prompt });
      expect(requestsTo(own, '/authorize')[0]?.query.get('prompt')).toBe(asked);
    } finally {
      await own.close();
    }
  });
});
