import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { signIn as signInAtCompany } from '../../examples/enterprise-id-jag/agent.ts';
import { startGateway as startPayroll } from '../../examples/enterprise-id-jag/gateway.ts';
import { startIdentityProvider as startCompany } from '../../examples/enterprise-id-jag/identity-provider.ts';
import {
  idJag,
  type McpOAuthOptions,
  type TokenExchangeOptions,
  tokenExchange,
  type UpstreamCredential,
} from '../../lib/index.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { startIdentityProvider } from '../helpers/identity-provider.ts';
import { createSdkV2McpHandler, startMcpServer } from '../helpers/mcp-servers.ts';
import { type Answer, createOAuthClient } from '../helpers/oauth-client.ts';
import { startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { approve, atIdentityProvider } from '../helpers/sdk-clients.ts';
import { tokenExchangeGrant } from '../helpers/upstream-assertion-grants.ts';
import { linkIn, rpc, whoAmI } from './support.ts';

const closing: (() => unknown)[] = [];
const realNow = Date.now;

afterEach(async () => {
  Date.now = realNow;
  for (const close of closing.splice(0).reverse()) await close();
});

const textOf = ({ text }: Answer): string => {
  const json = text.startsWith('{') ? text : (/^data: (.*"result".*)$/m.exec(text)?.[1] ?? '{}');
  const { result } = JSON.parse(json) as { result?: { content: { text: string }[] } };
  return result?.content[0]?.text ?? '';
};

/** Signs in at the company through the gateway. */
async function signIn(gateway: Gateway, path: string, name: string, browser: Browser = createBrowser()) {
  const client = await createOAuthClient(gateway.url, {}, `${gateway.url}${path}`);
  const { callback } = await approve(browser, client.authorizeUrl(), { form: 'name', fields: { name } });
  const { json } = await client.redeem(String(callback.searchParams.get('code')));
  return { browser, accessToken: String(json?.access_token) };
}

const platform = { clientId: 'platform', clientSecret: 'the platform at the company' };
const agent = { clientId: 'platform-at-payroll', clientSecret: 'the platform at payroll' };

async function startPlatform(
  company: string,
  path: string,
  target: string,
  upstream: UpstreamCredential,
  more: Partial<McpOAuthOptions> = {},
) {
  const gateway = await startGateway({
    options: () => ({ oidc: { issuer: company }, browserLogin: platform, ...more }),
    routes: (app, auth) => void app.use(auth.proxy(path, { target, upstream })),
  });
  closing.push(gateway.close);
  return gateway;
}

describe('an upstream behind an ID-JAG', () => {
  async function start(people: readonly string[] = ['alice']) {
    const company = await startCompany();
    closing.push(company.close);
    const payroll = await startPayroll({ company: company.issuer, agent });
    closing.push(payroll.close);
    const upstream = idJag({
      id: 'payroll',
      displayName: 'Payroll',
      scopes: ['mcp:tools'],
      idp: { tokenUrl: `${company.issuer}/token`, clientAuth: { method: 'client_secret_post', ...platform } },
      resourceAs: {
        tokenUrl: `${payroll.url}/oauth/token`,
        audience: payroll.url,
        clientAuth: { method: 'client_secret_basic', ...agent },
      },
    });
    const gateway = await startPlatform(company.issuer, '/payroll', `${payroll.url}/mcp`, upstream);
    const rule = {
      audience: payroll.url,
      resource: `${payroll.url}/mcp`,
      scopes: ['mcp:tools'],
      clientIdThere: agent.clientId,
      people,
    };
    company.applications.push({ ...platform, redirectUri: `${gateway.url}/oauth/callback`, mayAct: [rule] });
    const redeemed: unknown[] = [];
    payroll.auth.events.on('token.issued', (event) => void redeemed.push(event));
    const call = (user: { accessToken: string }) =>
      rpc(`${gateway.url}/payroll`, user, 'tools/call', { name: 'payslip', arguments: {} });
    return { company, payroll, gateway, call, redeemed };
  }

  test('is called as the user, whom no further page asked for anything', async () => {
    const { gateway, call, redeemed } = await start();
    const alice = await signIn(gateway, '/payroll', 'alice');
    expect(textOf(await call(alice))).toBe(`payslip of alice, asked for by ${agent.clientId}`);
    await Promise.all(Array.from({ length: 10 }, () => call(alice)));
    expect(redeemed.length).toBe(1);
  });

  test('is out of reach for whom the company does not allow it: 502, and no link that would not help', async () => {
    const { gateway, call } = await start([]);
    const bob = await signIn(gateway, '/payroll', 'bob');
    const answer = await call(bob);
    expect([answer.status, answer.text]).toEqual([502, expect.not.stringContaining('/oauth/connect/')]);
    expect(gateway.events.filter(({ type }) => type === 'upstream.unavailable')).toEqual([
      expect.objectContaining({ reason: 'refused: access_denied' }),
    ]);
  });

  test('asks for a new login when the kept ID token has ended, by a link for that user alone', async () => {
    const { gateway, call } = await start(['alice', 'bob']);
    const alice = await signIn(gateway, '/payroll', 'alice');
    // Nobody has called before the ID token ended: there is no refresh token to get another.
    Date.now = () => realNow() + 601_000;
    const asked = await call(alice);
    expect(asked.json?.result).toMatchObject({ isError: true });
    Date.now = realNow;
    const link = linkIn(asked.text);
    const stopAt = (url: string) => !url.startsWith('http://127.0.0.1:');
    const stranger = createBrowser();
    const signInPage = await stranger.get(link, { stopAt });
    const refused = await stranger.submit(signInPage, 'name', { name: 'bob' }, { stopAt });
    expect(refused.status).toBe(403);
    const again = await alice.browser.get(link, { stopAt });
    const done =
      again.forms.length > 0 ? await alice.browser.submit(again, 'name', { name: 'alice' }, { stopAt }) : again;
    expect(done.text).toContain('Payroll is connected');
    expect(textOf(await call(alice))).toContain('payslip of alice');
  });
});

test('a user who came by an ID-JAG signs in once with a browser, by the link, and is called for from then on', async () => {
  const company = await startCompany();
  closing.push(company.close);
  const payroll = await startPayroll({ company: company.issuer, agent });
  closing.push(payroll.close);
  const assistant = {
    clientId: 'assistant',
    clientSecret: 'the secret of the assistant',
    redirectUri: 'http://127.0.0.1:33418/callback',
  };
  const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const upstream = idJag({
    id: 'payroll',
    displayName: 'Payroll',
    idp: { tokenUrl: `${company.issuer}/token`, clientAuth: { method: 'client_secret_post', ...platform } },
    resourceAs: {
      tokenUrl: `${payroll.url}/oauth/token`,
      audience: payroll.url,
      clientAuth: { method: 'client_secret_basic', ...agent },
    },
  });
  const gateway = await startPlatform(company.issuer, '/payroll', `${payroll.url}/mcp`, upstream, {
    clients: [{ client_id: 'assistant', client_secret: 'the secret of the assistant', grant_types: [jwtBearer] }],
    idJag: {
      trustedIssuers: [{ issuer: company.issuer, clients: { assistant: 'assistant' }, allowedScopes: ['mcp:tools'] }],
    },
  });
  const rule = { scopes: ['mcp:tools'], people: ['alice'] };
  const here = { ...rule, audience: gateway.url, resource: `${gateway.url}/payroll`, clientIdThere: 'assistant' };
  const there = { ...rule, audience: payroll.url, resource: `${payroll.url}/mcp`, clientIdThere: agent.clientId };
  company.applications.push({ ...assistant, mayAct: [here] });
  company.applications.push({ ...platform, redirectUri: `${gateway.url}/oauth/callback`, mayAct: [there] });

  const post = async (url: string, body: Record<string, string>) => {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(body) });
    return (await answer.json()) as { access_token: string };
  };
  const credentials = { client_id: 'assistant', client_secret: 'the secret of the assistant' };
  const { access_token: assertion } = await post(`${company.issuer}/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
    subject_token: await signInAtCompany(company.issuer, assistant, 'alice'),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    audience: gateway.url,
    resource: `${gateway.url}/payroll`,
    ...credentials,
  });
  const { access_token: accessToken } = await post(`${gateway.url}/oauth/token`, {
    grant_type: jwtBearer,
    assertion,
    ...credentials,
  });
  const call = () => rpc(`${gateway.url}/payroll`, { accessToken }, 'tools/call', { name: 'payslip', arguments: {} });
  const browser = createBrowser();
  const signInPage = await browser.get(linkIn((await call()).text));
  expect((await browser.submit(signInPage, 'name', { name: 'alice' })).text).toContain('Payroll is connected');
  expect(textOf(await call())).toBe(`payslip of alice, asked for by ${agent.clientId}`);
});

describe('an upstream behind a token exchange', () => {
  async function start(given: Partial<TokenExchangeOptions>) {
    const company = await startCompany();
    closing.push(company.close);
    const requests: Record<string, string>[] = [];
    let answer: { status: number; body: unknown } = { status: 200, body: {} };
    const authorizationServer = createServer(async (req, res) => {
      requests.push(Object.fromEntries(new URLSearchParams(Buffer.concat(await req.toArray()).toString())));
      res.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => authorizationServer.listen(0, '127.0.0.1', resolve));
    closing.push(() => authorizationServer.close());
    const arrived: (string | undefined)[] = [];
    const handler = createSdkV2McpHandler();
    const server = await startMcpServer((req, res) => {
      arrived.push(req.headers.authorization);
      return handler(req, res);
    });
    closing.push(server.close, handler.close);
    const upstream = tokenExchange({
      id: 'orders',
      displayName: 'Orders',
      tokenUrl: `http://127.0.0.1:${(authorizationServer.address() as AddressInfo).port}/token`,
      clientAuth: { method: 'client_secret_post', ...platform },
      ...given,
    });
    const gateway = await startPlatform(company.issuer, '/orders', server.url, upstream);
    company.applications.push({ ...platform, redirectUri: `${gateway.url}/oauth/callback`, mayAct: [] });
    const alice = await signIn(gateway, '/orders', 'alice');
    const call = () =>
      rpc(`${gateway.url}/orders`, alice, 'tools/call', { name: 'echo', arguments: { text: 'hello' } });
    function answerWith(status: number, body: unknown): void {
      answer = { status, body };
    }
    return { requests, arrived, call, answerWith };
  }

  test('gets the token for the login’s access token (RFC 8693), once', async () => {
    const { requests, arrived, call, answerWith } = await start({
      audience: 'orders',
      scopes: ['a', 'b'],
      scopeDelimiter: ',',
    });
    const issued = 'urn:ietf:params:oauth:token-type:access_token';
    answerWith(200, { access_token: 'exchanged', token_type: 'Bearer', expires_in: 600, issued_token_type: issued });
    expect([textOf(await call()), textOf(await call())]).toEqual(['hello', 'hello']);
    expect(new Set(arrived)).toEqual(new Set(['Bearer exchanged']));
    expect(requests).toEqual([
      expect.objectContaining({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: issued,
        subject_token: expect.any(String),
        audience: 'orders',
        scope: 'a,b',
        client_id: platform.clientId,
      }),
    ]);
  });

  test('on behalf of the user at Microsoft Entra', async () => {
    const { requests, call, answerWith } = await start({ grant: 'on-behalf-of', scopes: ['api://orders/.default'] });
    answerWith(200, { access_token: 'exchanged', token_type: 'Bearer', expires_in: 600 });
    expect(textOf(await call())).toBe('hello');
    expect(requests[0]).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      assertion: expect.any(String),
      scope: 'api://orders/.default',
    });
  });

  test.each([
    [400, { error: 'invalid_grant' } as object, 200, 'a login that the server takes no more: the link to a new one'],
    [400, { error: 'invalid_target' }, 502, 'a setting that is wrong: nothing that the user can do'],
    [503, {}, 503, 'an outage: try again'],
    [200, { access_token: 'x', token_type: 'DPoP' }, 502, 'a token that cannot be used'],
  ])('answered by %d %j gives %d: %s', async (status, body, expected, _why) => {
    const { call, answerWith, arrived } = await start({});
    answerWith(status, body);
    const answer = await call();
    expect(answer.status).toBe(expected);
    expect(answer.text.includes('/oauth/connect/')).toBe(expected === 200);
    expect(arrived).toEqual([]);
  });
});

test('a login’s token that has ended is renewed at the identity provider by what was kept, and nobody is asked', async () => {
  const company = await startIdentityProvider({ refreshTokens: true });
  closing.push(company.close);
  const upstream = await startOAuthUpstream({
    company: () => ({ issuer: company.issuer, clients: { [agent.clientId]: company.clientId } }),
  });
  closing.push(upstream.close);
  await upstream.addClient({
    client_id: agent.clientId,
    client_secret: agent.clientSecret,
    grant_types: [tokenExchangeGrant],
    redirect_uris: [],
    response_types: [],
  });
  const orders = tokenExchange({
    id: 'orders',
    displayName: 'Orders',
    tokenUrl: `${upstream.issuer}/token`,
    clientAuth: { method: 'client_secret_basic', ...agent },
    subjectToken: 'id_token',
  });
  const { clientId, clientSecret } = company;
  const gateway = await startPlatform(company.issuer, '/orders', upstream.url, orders, {
    browserLogin: { clientId, clientSecret, offlineAccess: true },
    gateway: { accessTokenTtlSeconds: 86_400 },
  });
  company.redirectUris.push(`${gateway.url}/oauth/callback`);
  const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/orders`);
  const { callback } = await approve(createBrowser(), client.authorizeUrl(), atIdentityProvider('alice'));
  const { json } = await client.redeem(String(callback.searchParams.get('code')));
  const user = { accessToken: String(json?.access_token) };
  const call = () => rpc(`${gateway.url}/orders`, user, 'tools/call', { name: 'whoami', arguments: {} });
  const askedProvider = () => company.requests.filter(({ body }) => body.includes('refresh_token=')).length;

  expect(whoAmI(await call()).extra?.sub).toBe('alice');
  expect(askedProvider()).toBe(0);
  Date.now = () => realNow() + 7_200_000; // Two hours: the ID token and the upstream's token lived one.
  expect(whoAmI(await call()).extra?.sub).toBe('alice');
  expect(askedProvider()).toBe(1);
  const subjects = upstream.tokenRequests.map(({ subject_token: token }) => token);
  expect([subjects.length, new Set(subjects).size]).toEqual([2, 2]);
});
