/**
 * A process of its own in which one gateway serves everything it can, well and badly, with neither logger nor listener.
 * It reports the status of each step to its parent; what it prints by itself is the parent's question.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type McpOAuthOptions, mcpOAuth, StorageUnavailableError, sqliteStorage } from '../../lib/index.ts';
import { type Browser, createBrowser } from '../helpers/browser.ts';
import { startIdentityProvider } from '../helpers/identity-provider.ts';
import { createSdkV2McpHandler, startMcpServer } from '../helpers/mcp-servers.ts';
import {
  type Answer,
  createOAuthClient,
  type OAuthClient,
  postForm,
  postJson,
  register,
  send,
} from '../helpers/oauth-client.ts';
import { bearer } from '../helpers/protected-server.ts';
import { approve, atDevLogin, atIdentityProvider, type SignIn } from '../helpers/sdk-clients.ts';

type Status = number | string | undefined;
export type Report = Record<string, Status>;

const statusOf = async (answer: Promise<{ status: number }>): Promise<number> => (await answer).status;
const redirectUri = 'http://127.0.0.1:1/callback';
const stopAt = (url: string) => url.startsWith(redirectUri);

/** An error of a response type other than `code` comes in the fragment. */
function errorAt(location: string | undefined): Status {
  const { searchParams, hash } = new URL(location ?? 'about:blank');
  return searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error') ?? 'no error';
}

/** The error at the redirect URI, or the status of the page. */
async function authorize(browser: Browser, url: string): Promise<Status> {
  const { location, status } = await browser.get(url, { stopAt });
  return location === undefined ? status : errorAt(location);
}

async function start(options: (issuer: string) => Partial<McpOAuthOptions>, path: string) {
  const upstream = await startMcpServer(createSdkV2McpHandler());
  const app = express();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let failure: Error | undefined;
  const stored = sqliteStorage(path);
  const storage = new Proxy(stored, {
    get: (target, name, receiver) =>
      failure === undefined || name === 'close' ? Reflect.get(target, name, receiver) : () => Promise.reject(failure),
  });
  const auth = mcpOAuth({
    issuer,
    browserLogin: { url: `${issuer}/oauth/dev-login` },
    storage,
    secret: 'a secret of the tests, long enough for everyone',
    ...options(issuer),
  });
  app.use(auth);
  app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({ ok: true }));
  app.use(auth.proxy('/up', { target: upstream.url }), auth.proxy('/gone', { target: 'http://127.0.0.1:1/mcp' }));
  return {
    issuer,
    failWith: (error: Error | undefined) => {
      failure = error;
    },
    async close() {
      await auth.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await stored.close();
      await upstream.close();
    },
  };
}

async function discover(issuer: string): Promise<Report> {
  const wellKnown = (path: string) => statusOf(send(`${issuer}/.well-known/${path}`));
  return {
    metadata: await wellKnown('oauth-authorization-server'),
    'openid metadata': await wellKnown('openid-configuration'),
    'resource metadata': await wellKnown('oauth-protected-resource/mcp'),
    'metadata, another host': await statusOf(
      send(`${issuer}/.well-known/oauth-authorization-server`, { headers: { host: 'evil.example' } }),
    ),
    jwks: await statusOf(send(`${issuer}/oauth/jwks`)),
    'token, preflight': await statusOf(send(`${issuer}/oauth/token`, { method: 'OPTIONS' })),
    'token, GET': await statusOf(send(`${issuer}/oauth/token`)),
  };
}

async function registerBadly(issuer: string): Promise<Report> {
  return {
    'register, no JSON': await statusOf(register(issuer, '{')),
    'register, form': await statusOf(postForm(`${issuer}/oauth/register`, {})),
    'register, bad redirect': await statusOf(register(issuer, { redirect_uris: ['javascript:alert(1)'] })),
    'register, too large': await statusOf(register(issuer, { client_name: 'x'.repeat(20_000) })),
  };
}

async function authorizeBadly(client: OAuthClient, issuer: string): Promise<Report> {
  const browser = createBrowser();
  const approval = await browser.get(client.authorizeUrl());
  const denied = await browser.submit(approval, 'decision', { decision: 'deny' }, { stopAt });
  return {
    'authorize, unknown client': await authorize(browser, client.authorizeUrl({ client_id: 'nobody' })),
    'authorize, other redirect': await authorize(
      browser,
      client.authorizeUrl({ redirect_uri: 'https://evil.example' }),
    ),
    'authorize, no PKCE': await authorize(browser, client.authorizeUrl({ code_challenge: undefined })),
    'authorize, token': await authorize(browser, client.authorizeUrl({ response_type: 'token' })),
    'authorize, no resource': await authorize(browser, client.authorizeUrl({ resource: undefined })),
    'authorize, prompt none': await authorize(browser, client.authorizeUrl({ prompt: 'none' })),
    'authorize, document of nobody': await authorize(
      browser,
      client.authorizeUrl({ client_id: 'https://127.0.0.1:1/client' }),
    ),
    'authorize, POST': await statusOf(postForm(client.authorizeUrl(), {})),
    'approval, denied': errorAt(denied.location),
    'approval, sent again': await statusOf(browser.submit(approval, 'decision', { decision: 'approve' })),
    'approval, of nobody': await statusOf(browser.get(`${issuer}/oauth/interaction/unknown`)),
    'dev login, of nobody': await statusOf(browser.get(`${issuer}/oauth/dev-login?state=x`)),
  };
}

async function signIn(client: OAuthClient, person: SignIn): Promise<{ report: Report; accessToken: string }> {
  const { callback } = await approve(createBrowser(), client.authorizeUrl(), person);
  const code = callback.searchParams.get('code') ?? '';
  const wrongVerifier = await client.redeem(code, { code_verifier: 'x'.repeat(43) });
  const second = await approve(createBrowser(), client.authorizeUrl(), person);
  const redeemed = await client.redeem(second.callback.searchParams.get('code') ?? '');
  const refreshed = await client.refresh(String(redeemed.json?.refresh_token));
  const accessToken = String(refreshed.json?.access_token);
  return {
    accessToken,
    report: {
      'token, wrong verifier': wrongVerifier.status,
      token: redeemed.status,
      'token, unknown grant': await statusOf(client.redeem(code, { grant_type: 'password' })),
      'token, no client': await statusOf(client.redeem(code, { client_id: undefined })),
      refresh: refreshed.status,
      'refresh, unknown': await statusOf(client.refresh('nothing')),
      introspect: await statusOf(client.introspect(accessToken)),
      'introspect, no token': await statusOf(client.introspect('')),
    },
  };
}

async function callAndRevoke(client: OAuthClient, issuer: string, accessToken: string, atUp: string): Promise<Report> {
  const call = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    postJson(
      `${issuer}${path}`,
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { accept: 'text/event-stream, application/json', ...headers },
    );
  return {
    call: await statusOf(call('/mcp', bearer(accessToken))),
    'call, no token': await statusOf(call('/mcp')),
    'call, bad token': await statusOf(call('/mcp', bearer('nothing'))),
    'call, token in the query': await statusOf(call(`/mcp?access_token=${accessToken}`)),
    'call, foreign page': await statusOf(call('/mcp', { ...bearer(accessToken), origin: 'https://evil.example' })),
    'proxied call': await statusOf(call('/up', bearer(atUp))),
    'proxied call, other token': await statusOf(call('/up', bearer(accessToken))),
    revoke: await statusOf(client.revoke(accessToken)),
    'revoke, no token': await statusOf(client.revoke('')),
    'call, revoked token': await statusOf(call('/mcp', bearer(accessToken))),
  };
}

/** With a browser that has come to the approval page, and one that has come to the sign-in. */
async function unavailable(client: OAuthClient, issuer: string, fail: () => void): Promise<Report> {
  const [approving, signingIn] = [createBrowser(), createBrowser()];
  const approval = await approving.get(client.authorizeUrl());
  const sentOn = await signingIn.submit(await signingIn.get(client.authorizeUrl()), 'decision', {
    decision: 'approve',
  });
  fail();
  return {
    register: await statusOf(register(issuer, { redirect_uris: [redirectUri] })),
    authorize: await authorize(createBrowser(), client.authorizeUrl()),
    approval: await statusOf(approving.get(approval.url)),
    'approval, sent': await statusOf(approving.submit(approval, 'decision', { decision: 'approve' })),
    'dev login': await statusOf(signingIn.get(sentOn.url)),
    'dev login, sent': await statusOf(signingIn.submit(sentOn, 'name', { name: 'alice' })),
    token: await statusOf(client.refresh('nothing')),
    revoke: await statusOf(client.revoke('nothing')),
    introspect: await statusOf(client.introspect('nothing')),
  };
}

const under = (name: string, statuses: Report): Report =>
  Object.fromEntries(Object.entries(statuses).map(([step, status]) => [`${name}: ${step}`, status]));

async function runDevLogin(path: string): Promise<Report> {
  const gateway = await start(() => ({}), path);
  const { issuer, failWith } = gateway;
  const client = await createOAuthClient(issuer);
  const { report, accessToken } = await signIn(client, atDevLogin());
  const atUp = await signIn(await createOAuthClient(issuer, {}, `${issuer}/up`), atDevLogin());
  const atGone = await signIn(await createOAuthClient(issuer, {}, `${issuer}/gone`), atDevLogin());
  const served: Report = {
    ...(await discover(issuer)),
    ...(await registerBadly(issuer)),
    ...(await authorizeBadly(client, issuer)),
    ...report,
    'proxied call, upstream gone': await statusOf(postJson(`${issuer}/gone`, {}, bearer(atGone.accessToken))),
    ...(await callAndRevoke(client, issuer, accessToken, atUp.accessToken)),
  };
  const outage = await unavailable(client, issuer, () => failWith(new StorageUnavailableError('the store is down')));
  outage.call = await statusOf(postJson(`${issuer}/mcp`, {}, bearer('not-remembered')));
  failWith(undefined);
  const defect = await unavailable(client, issuer, () => failWith(new TypeError('a defect of the store')));
  failWith(undefined);
  await gateway.close();
  return { ...served, ...under('outage', outage), ...under('defect', defect) };
}

async function runIdentityProvider(path: string): Promise<Report> {
  const identityProvider = await startIdentityProvider();
  const { clientId, clientSecret, misbehave } = identityProvider;
  const gateway = await start((issuer) => {
    identityProvider.redirectUris.push(`${issuer}/oauth/callback`);
    return { oidc: { issuer: identityProvider.issuer }, browserLogin: { clientId, clientSecret } };
  }, path);
  const client = await createOAuthClient(gateway.issuer);
  const { report } = await signIn(client, atIdentityProvider());
  misbehave.token = 'http500';
  const { callback } = await approve(createBrowser(), client.authorizeUrl(), atIdentityProvider());
  const statuses: Report = {
    token: report.token,
    'callback, provider broken': errorAt(callback.href),
    'callback, of nobody': await statusOf(createBrowser().get(`${gateway.issuer}/oauth/callback?state=x&code=y`)),
  };
  await gateway.close();
  await identityProvider.close();
  return under('identity provider', statuses);
}

const [, , directory = ''] = process.argv;
const report: Report = {
  ...(await runDevLogin(`${directory}/dev-login.sqlite`)),
  ...(await runIdentityProvider(`${directory}/identity-provider.sqlite`)),
};
process.send?.(report, () => process.disconnect());
