import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, createBrowser, type Page } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let client: OAuthClient;
beforeAll(async () => {
  gateway = await startObservedGateway();
  client = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
});
/** Closed at the end, whatever failed. */
const others: { close(): Promise<unknown> }[] = [];
afterAll(() => Promise.all([gateway, ...others].map((open) => open.close())));

const stopAt = (url: string) => !url.startsWith(gateway.url);
const open = (browser: Browser) => browser.get(client.authorizeUrl(), { stopAt });
const csrfOf = (page: Page) => page.forms[0]?.fields.csrf ?? '';
const decide = (browser: Browser, page: Page, fields: Record<string, string>, from: Page | string = page) =>
  gateway.observe(() => browser.post(page.url, fields, { from, stopAt }));

/** The expired page: it says the same for every cause, and nothing is stored or sent on. */
function expectExpired({ answer, events, writes }: Observed<Page>, reason: string): void {
  expect({ status: answer.status, location: answer.location, events, writes }).toEqual({
    status: 400,
    location: undefined,
    events: [`authorization.refused: ${reason}`],
    writes: [],
  });
  expect(answer.text).toMatch(/This page has expired .* Error: invalid_request\. Reference: [\w-]{16,}$/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

const notThisBrowser = 'interaction: finished, expired or of another browser';

describe('refusing', () => {
  it('sends access_denied with state and iss, and stores no grant, login or code (RFC 6749 section 4.1.2.1)', async () => {
    const browser = createBrowser();
    const page = await open(browser);

    const { answer, events, writes } = await gateway.observe(() =>
      browser.submit(page, 'csrf', { decision: 'deny' }, { stopAt }),
    );

    expect(answer.status).toBe(303);
    expect(answer.location?.split('?')[0]).toBe(client.redirectUri);
    expect(callbackOf(answer)).toEqual({
      error: 'access_denied',
      error_description: 'the person refused the request',
      state: 'the state',
      iss: gateway.url,
    });
    expect(events).toEqual(['consent.denied', 'authorization.refused: access_denied: the person refused the request']);
    expect(writes.at(-1)).toBe('take Interaction');
    expect(writes.filter((write) => !write.endsWith(' Interaction'))).toEqual([]);
  });

  it('leaves nothing to approve afterwards', async () => {
    const browser = createBrowser();
    const page = await open(browser);
    await browser.submit(page, 'csrf', { decision: 'deny' }, { stopAt });

    expectExpired(await decide(browser, page, { csrf: csrfOf(page), decision: 'approve' }), notThisBrowser);
  });

  it('keeps a session that was there', async () => {
    const browser = createBrowser();
    await client.login(browser);
    await browser.submit(await open(browser), 'csrf', { decision: 'deny' }, { stopAt });

    expect((await open(browser)).text).toContain('Signed in as alice');
  });
});

describe('forging', () => {
  it.each([
    ['no token', {}],
    ['a made-up token', { csrf: 'x'.repeat(43) }],
    ['an empty token', { csrf: '' }],
  ])('answers %s with the expired page (RFC 9700 section 4.7)', async (_what, fields) => {
    const browser = createBrowser();
    const page = await open(browser);

    expectExpired(await decide(browser, page, { ...fields, decision: 'approve' }), 'decision: csrf');
  });

  it('answers the token of another request, also of the same client, with the expired page', async () => {
    const [browser, stranger] = [createBrowser(), createBrowser()];
    const [page, other] = [await open(browser), await open(stranger)];

    expectExpired(await decide(browser, page, { csrf: csrfOf(other), decision: 'approve' }), 'decision: csrf');
  });

  it('answers a post from a page of another port, which the cookies follow, with the expired page (CWE-352)', async () => {
    const browser = createBrowser();
    const page = await open(browser);

    const observed = await decide(browser, page, { csrf: csrfOf(page), decision: 'approve' }, 'http://127.0.0.1:9/');

    expectExpired(observed, 'decision: foreign origin');
  });

  it('answers a post from another site, which no cookie follows, with the expired page (CWE-352)', async () => {
    const browser = createBrowser();
    const page = await open(browser);

    const observed = await decide(browser, page, { csrf: csrfOf(page), decision: 'approve' }, 'https://evil.example/');

    expectExpired(observed, notThisBrowser);
  });

  it('answers another browser with the expired page: link and token alone approve nothing (MCP 2026-07-28, Confused Deputy)', async () => {
    const page = await open(createBrowser());

    expectExpired(await decide(createBrowser(), page, { csrf: csrfOf(page), decision: 'approve' }), notThisBrowser);
  });

  it('shows another browser nothing of the request', async () => {
    const page = await open(createBrowser());

    const observed = await gateway.observe(() => createBrowser().get(page.url, { stopAt }));

    expectExpired(observed, notThisBrowser);
  });

  it('gives another browser no code for a decision it did not make, and the one that did its own (CWE-352)', async () => {
    const browser = createBrowser();
    await client.login(browser);
    const stopped = await browser.submit(await open(browser), 'csrf', { decision: 'approve' }, { stopAt: () => true });

    const stolen = await gateway.observe(() => createBrowser().get(String(stopped.location), { stopAt }));
    const own = await browser.follow(stopped, undefined, { stopAt });

    expect([stolen.answer.status, stolen.answer.location, stolen.writes]).toEqual([400, undefined, []]);
    expect(stolen.events).toEqual(['authorization.refused: invalid_request: authorization request has expired']);
    expect(callbackOf(own)).toHaveProperty('code');
  });

  it('answers an interaction cookie whose signature does not fit with the expired page (CWE-565)', async () => {
    const browser = createBrowser();
    const page = await open(browser);
    const cookies = browser
      .cookies(page.url)
      .map(({ name, value }) => `${name}=${name.endsWith('.sig') ? 'x' : value}`);

    const { answer, events, writes } = await gateway.observe(() =>
      send(page.url, { headers: { cookie: cookies.join('; ') } }),
    );

    expect([answer.status, events, writes]).toEqual([400, [`authorization.refused: ${notThisBrowser}`], []]);
  });

  it.each([
    ['another value', { decision: 'maybe' }],
    ['no value', {}],
  ])('takes a decision of %s for none', async (_what, fields) => {
    const browser = createBrowser();
    const page = await open(browser);

    expectExpired(await decide(browser, page, { csrf: csrfOf(page), ...fields }), 'decision: neither yes nor no');
  });

  it('does not approve by GET (MCP 2026-07-28, Consent UI)', async () => {
    const browser = createBrowser();
    const page = await open(browser);

    const { answer, writes } = await gateway.observe(() =>
      browser.get(`${page.url}?csrf=${csrfOf(page)}&decision=approve`, { stopAt }),
    );

    expect([answer.status, answer.forms.length, writes]).toEqual([200, 1, []]);
  });

  it('refuses a form over 32 KiB (CWE-400)', async () => {
    const browser = createBrowser();
    const page = await open(browser);
    const fields = { csrf: csrfOf(page), decision: 'approve', filler: 'x'.repeat(32_768) };

    expectExpired(await decide(browser, page, fields), 'request body: too_large');
  });
});

describe('twice', () => {
  it('answers a form sent again after the approval with the expired page', async () => {
    const browser = createBrowser();
    const page = await open(browser);
    const signIn = await browser.submit(page, 'csrf', { decision: 'approve' }, { stopAt });
    await browser.submit(signIn, 'name', {}, { stopAt });

    expectExpired(await decide(browser, page, { csrf: csrfOf(page), decision: 'approve' }), notThisBrowser);
  });

  it('gives one code for ten parallel submissions and all their continuations (RFC 6749 section 4.1.2)', async () => {
    const browser = createBrowser();
    await client.login(browser);
    const page = await open(browser);
    const submit = () => browser.submit(page, 'csrf', { decision: 'approve' }, { stopAt: () => true });

    const { answer, writes } = await gateway.observe(async () => {
      const decisions = await Promise.all(Array.from({ length: 10 }, submit));
      const resumable = decisions.filter(({ location }) => location !== undefined);
      return Promise.all(resumable.map((decision) => browser.follow(decision, undefined, { stopAt: () => true })));
    });

    const codes = answer.map((end) => callbackOf(end).code).filter((code) => code !== undefined);
    expect(answer.length).toBeGreaterThan(0);
    expect(codes).toHaveLength(1);
    expect(writes.filter((write) => write === 'put AuthorizationCode')).toHaveLength(1);
    expect(answer.map(({ status }) => status).sort()).toEqual([303, ...Array(answer.length - 1).fill(400)]);
    expect((await client.redeem(String(codes[0]))).status).toBe(200);
  });

  it('gives one code where a second submission is stored only after the first was continued (F-08)', async () => {
    const slow = await startObservedGateway();
    others.push(slow);
    const patient = await createOAuthClient(slow.url, { redirect_uris: ['https://client.example/callback'] });
    const browser = createBrowser({ stopAt: (url) => !url.startsWith(slow.url) });
    await patient.login(browser);
    const page = await browser.get(patient.authorizeUrl());
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { replace } = slow.storage;
    let decisions = 0;
    slow.storage.replace = async (kind, ...rest) => {
      if (kind === 'Interaction' && ++decisions > 1) await held;
      return replace(kind, ...rest);
    };

    const submit = () => browser.submit(page, 'csrf', { decision: 'approve' });
    const both = [submit(), submit()];
    const first = await Promise.race(both);
    release();
    const ends = await Promise.all(both);

    expect(callbackOf(first).code).toMatch(/^[\w-]{22,}$/);
    expect(decisions).toBeGreaterThan(1);
    expect(ends.map((end) => callbackOf(end).code).filter(Boolean)).toEqual([callbackOf(first).code]);
    expect(ends.map(({ status }) => status).sort()).toEqual([303, 400]);
  });

  it('keeps two tabs apart: each code goes with its own state', async () => {
    const browser = createBrowser();
    await client.login(browser);
    const tabs = await Promise.all(
      ['first', 'second'].map((state) => browser.get(client.authorizeUrl({ state }), { stopAt })),
    );

    const ends: Page[] = [];
    for (const tab of tabs) ends.push(await browser.submit(tab, 'csrf', { decision: 'approve' }, { stopAt }));

    expect(ends.map((end) => callbackOf(end).state)).toEqual(['first', 'second']);
    expect(new Set(ends.map((end) => callbackOf(end).code)).size).toBe(2);
  });
});
