import { afterEach, describe, expect, it } from '@jest/globals';
import type { AuthorizeUser } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { callbackOf, createOAuthClient } from '../helpers/oauth-client.ts';
import { startRedemption } from '../id-jag/support.ts';
import { type Federation, failure, keptRecords, startFederation } from './support.ts';

let federation: Federation;
let running: Pick<Federation, 'close'>;
afterEach(() => running.close());

/** What the app says; replaced while a test runs. */
let decide: AuthorizeUser;
const start = async (initial: AuthorizeUser) => {
  decide = initial;
  federation = await startFederation({ options: () => ({ authorizeUser: (...question) => decide(...question) }) });
  running = federation;
};

const WIRE = ['access_denied', 'the user may not use this resource'] as const;

describe('authorizeUser', () => {
  it('is asked about the identity, with the client and the resource', async () => {
    const questions: Parameters<AuthorizeUser>[] = [];
    await start((...question) => {
      questions.push(question);
      return true;
    });
    expect(await federation.login()).toHaveProperty('code');

    const { client, gateway, idp } = federation;
    expect(questions).toEqual([
      [
        expect.objectContaining({ iss: idp.issuer, sub: 'alice', roles: ['admin', 'user', 'engineering'] }),
        { client: { id: client.clientId }, resource: `${gateway.url}/mcp` },
      ],
    ]);
  });

  it('refuses with a page that says so in its words, and from there with access_denied at the client (RFC 6749 section 4.1.2.1)', async () => {
    await start(() => 'Only <b>engineers</b> may use this.');
    const browser = federation.browser();
    const signIn = await federation.approve(browser);
    const observed = await federation.gateway.observe(() => browser.submit(signIn, 'login', { login: 'alice' }));
    const page = observed.answer;

    expect(page.status).toBe(403);
    expect(page.text).toContain('You have no access here');
    expect(page.text).toContain('Only <b>engineers</b> may use this.');
    expect(keptRecords(observed)).toEqual([]);
    expect(observed.events).toContain('user.refused: authorizeUser: refused');
    expect(callbackOf(await browser.follow(page, 'Go back to the application'))).toEqual(failure(federation, ...WIRE));
  });

  it.each<[string, AuthorizeUser]>([
    ['false', () => false],
    ['nothing', () => undefined as never],
    ['a truthy object', () => ({}) as never],
    ['an empty text', () => ''],
  ])('lets nobody in by %s: only true does', async (_name, answer) => {
    await start(answer);
    const browser = federation.browser();
    const page = await browser.submit(await federation.approve(browser), 'login', { login: 'alice' });

    expect(page.status).toBe(403);
  });

  it('lets nobody in where it fails, and says nothing of why', async () => {
    await start(() => Promise.reject(new Error('the database is away')));
    const browser = federation.browser();
    const signIn = await federation.approve(browser);
    const observed = await federation.gateway.observe(() => browser.submit(signIn, 'login', { login: 'alice' }));

    expect(observed.answer.status).toBe(500);
    expect(observed.answer.text).not.toContain('database');
    expect(keptRecords(observed)).toEqual([]);
    expect(observed.events).toContain('user.refused: authorizeUser: the database is away');
    expect(callbackOf(await browser.follow(observed.answer, 'Go back to the application'))).toMatchObject({
      error: 'server_error',
    });
  });

  it('is asked for each client, also where a session makes the login needless', async () => {
    await start((_identity, { client }) => client.name !== 'Forbidden');
    const browser = federation.browser();
    expect(await federation.login(browser)).toHaveProperty('code');
    const other = await createOAuthClient(federation.gateway.url, { client_name: 'Forbidden' });
    const consent = await browser.get(other.authorizeUrl());
    const page = await browser.submit(consent, 'csrf', { decision: 'approve' });

    expect(page.status).toBe(403);
    expect(callbackOf(await browser.follow(page, 'Go back to the application'))).toMatchObject({
      error: 'access_denied',
    });
  });

  it('is asked before a remembered approval is spent: nobody gets in without a word', async () => {
    await start(() => true);
    const { gateway } = federation;
    const web = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
    const browser = createBrowser({ stopAt: (url) => url.startsWith(web.redirectUri) });
    const open = () => browser.get(web.authorizeUrl());
    const signIn = await browser.submit(await open(), 'csrf', { decision: 'approve' });
    await browser.submit(signIn, 'login', { login: 'alice' });
    await browser.submit(await open(), 'csrf', { decision: 'approve', remember: true });
    expect(callbackOf(await open())).toHaveProperty('code');

    decide = () => false;
    const asked = await open();
    expect(asked.status).toBe(200);
    expect((await browser.submit(asked, 'csrf', { decision: 'approve' })).status).toBe(403);
  });

  it('is asked about the person of an ID-JAG; a refusal does not use the assertion up', async () => {
    let answer: boolean | Error = false;
    const redemption = await startRedemption({
      options: {
        authorizeUser: (identity, { client, resource }) => {
          if (answer instanceof Error) throw answer;
          return answer && identity.sub === 'alice' && client.id === 'agent' && resource.endsWith('/mcp');
        },
      },
    });
    running = redemption;
    const assertion = await redemption.idp.assertion();

    expect(await redemption.present(assertion)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    answer = new Error('the database is away');
    expect(await redemption.present(assertion)).toMatchObject({ status: 503 });
    answer = true;
    expect((await redemption.present(assertion)).status).toBe(200);
  });

  it('is asked at every refresh: a refusal burns no token, and its failure is an outage (DESIGN 4.3)', async () => {
    await start(() => true);
    const { client, gateway } = federation;
    const first = await client.redeem(String((await federation.login()).code));
    const refresh = () => client.refresh(String(first.json?.refresh_token));

    decide = () => false;
    expect(await refresh()).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
    decide = () => {
      throw new Error('the database is away');
    };
    const { answer, events } = await gateway.observe(refresh);
    expect(answer).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
    expect(events).toContain('token.refused: authorizeUser: the database is away');
    decide = () => true;
    expect((await refresh()).status).toBe(200);
  });
});
