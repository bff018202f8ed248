import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigurationError, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import {
  type Answer,
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
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

const stopAt = (url: string) => url.startsWith('https://client.example/');

/** A page that says nothing of the cause, no cookie, nothing written. */
function expectRefused({ answer, events, writes }: Observed<Answer>, status: number, event: string): void {
  expect({ status: answer.status, location: answer.headers.get('location'), events, writes }).toEqual({
    status,
    location: null,
    events: [event],
    writes: [],
  });
  expect(answer.headers.get('set-cookie')).toBeNull();
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

describe('anything between this computer and it', () => {
  it.each([
    ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Host', '127.0.0.1'],
    ['X-Forwarded-Anything', ''],
    ['Forwarded', 'for=127.0.0.1'],
    ['Via', '1.1 proxy'],
  ])('that adds %s is refused with a right state, by GET and by POST', async (name, value) => {
    const browser = createBrowser();
    const approval = await browser.get(client.authorizeUrl(), { stopAt });
    const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' }, { stopAt });
    const state = String(signIn.forms[0]?.fields.state);
    const cookies = browser.cookies(signIn.url).map((cookie) => `${cookie.name}=${cookie.value}`);
    const headers = { [name]: value, cookie: cookies.join('; ') };

    const read = await gateway.observe(() => send(signIn.url, { headers }));
    const posted = await gateway.observe(() => postForm(signIn.url, { state }, headers));

    expectRefused(read, 403, 'login.failed: dev login: forwarded_header');
    expectRefused(posted, 403, 'login.failed: dev login: forwarded_header');
    expect(callbackOf(await browser.submit(signIn, 'name', {}, { stopAt }))).toHaveProperty('code');
  });

  it.each<[string, unknown]>([
    ['true', true],
    ['a number', 1],
    ['loopback', 'loopback'],
  ])('that the app trusts as a proxy (%s) is refused', async (_what, trust) => {
    const behind = await startObservedGateway({ beforeAuth: (app) => void app.set('trust proxy', trust) });
    others.push(behind);

    const observed = await behind.observe(() => send(`${behind.url}/oauth/dev-login?state=x`));

    expectRefused(observed, 403, 'login.failed: dev login: trust_proxy');
  });

  it('that calls from another address is refused', async () => {
    const remote = await startObservedGateway({
      beforeAuth: (app) =>
        void app.use((req, _res, next) => {
          Object.defineProperty(req.socket, 'remoteAddress', { value: '192.0.2.1' });
          next();
        }),
    });
    others.push(remote);

    const observed = await remote.observe(() => send(`${remote.url}/oauth/dev-login?state=x`));

    expectRefused(observed, 403, 'login.failed: dev login: peer_not_loopback');
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '0.0.0.0', '192.168.0.1'])(
    'that calls it %s is not served, with an issuer and without (DNS rebinding)',
    async (host) => {
      const derived = await startObservedGateway({
        options: (url) => ({ issuer: undefined as never, browserLogin: { url: `${url}/oauth/dev-login` } }),
      });
      others.push(derived);

      for (const one of [gateway, derived]) {
        const { answer, events, writes } = await one.observe(() =>
          send(`${one.url}/oauth/dev-login?state=x`, { headers: { host } }),
        );

        expect([answer.status, events, writes]).toEqual([421, ['authorization.refused: host is not served'], []]);
        expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(host);
      }
    },
  );
});

describe('at start', () => {
  const environment = process.env.NODE_ENV;
  afterEach(() => {
    process.env.NODE_ENV = environment;
  });
  const start = (issuer: string, url = `${issuer}/oauth/dev-login`) =>
    mcpOAuth({ issuer, browserLogin: { url }, storage: memoryStorage(), secret: 'x'.repeat(32) });
  const problemsOf = (work: () => unknown): string[] => {
    try {
      work();
    } catch (error) {
      if (error instanceof ConfigurationError)
        return error.problems.map(({ option, message }) => `${option} ${message}`);
      throw error;
    }
    return [];
  };

  it('is refused under NODE_ENV=production', () => {
    process.env.NODE_ENV = 'production';

    expect(problemsOf(() => start('http://127.0.0.1:3000'))).toContain(
      'browserLogin.url is the dev login, which does not start under NODE_ENV=production',
    );
  });

  it.each([
    ['an issuer in public', 'https://mcp.example.com', undefined],
    ['an issuer in the private network', 'https://192.168.0.1', undefined],
    ['the dev login of another origin', 'http://127.0.0.1:3000', 'https://evil.example/oauth/dev-login'],
  ])('is refused for %s', (_what, issuer, url) => {
    expect(problemsOf(() => start(issuer, url))).toEqual([
      'browserLogin.url is a dev login: it needs a loopback issuer and must be <issuer><gateway.basePath>/dev-login',
    ]);
  });

  it('is accepted for a loopback issuer outside production', () => {
    expect(problemsOf(() => start('http://127.0.0.1:3000'))).toEqual([]);
  });

  it('is not there with an identity provider: its path is the app’s', async () => {
    const other = await startObservedGateway({
      options: () => ({
        oidc: { issuer: 'https://idp.example.com' },
        browserLogin: { clientId: 'gateway', clientSecret: 'secret' },
      }),
    });
    others.push(other);

    expect((await send(`${other.url}/oauth/dev-login?state=${'A'.repeat(43)}`)).status).toBe(404);
  });
});
