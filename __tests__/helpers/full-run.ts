/**
 * One server with everything switched on, and a day in its life: people who may and who may not, clients that are honest
 * and that are not, an identity provider and an upstream that fail. Kept are everything it emitted and every secret it used.
 */
import type { RequestHandler } from 'express';
import { type Logger, type McpOAuthEvent, staticHeaders, userOAuth } from '../../lib/index.ts';
import { connect, linkIn, rpc } from '../upstream/support.ts';
import { type Browser, createBrowser, type Page } from './browser.ts';
import { startGateway } from './gateway.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { idTokenFaults } from './identity-provider-faults.ts';
import { type Answer, callbackOf, createOAuthClient, type OAuthClient, register, send } from './oauth-client.ts';
import { type OAuthUpstream, startOAuthUpstream } from './oauth-upstream.ts';
import { bearer } from './protected-server.ts';

export interface FullRun {
  readonly events: readonly McpOAuthEvent[];
  /** Everything that left the server where it must not hold a secret, by what it is. */
  readonly emitted: readonly { readonly what: string; readonly text: string }[];
  /** Every secret that was used, with what it is. */
  readonly secrets: ReadonlyMap<string, string>;
}

interface Kept {
  readonly emitted: { what: string; text: string }[];
  readonly secrets: Map<string, string>;
}

/** Shorter ones can stand in other text by chance. */
const minSecretLength = 16;

function keepSecret({ secrets }: Kept, what: string, value: unknown): void {
  if (typeof value === 'string' && value.length >= minSecretLength && !secrets.has(value)) secrets.set(value, what);
}

/** Errors and redirects with all their headers; the secrets in answers that are meant to hold some. */
function recordAnswers(kept: Kept): RequestHandler {
  return (req, res, next) => {
    const chunks: Buffer[] = [];
    const { write, end } = res;
    const take = (chunk: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
    };
    res.write = ((...given: Parameters<typeof write>) => {
      take(given[0]);
      return write.apply(res, given);
    }) as typeof write;
    res.end = ((...given: Parameters<typeof end>) => {
      take(given[0]);
      return end.apply(res, given);
    }) as typeof end;
    res.once('finish', () => {
      const text = Buffer.concat(chunks).toString();
      const what = `${res.statusCode} ${req.method} ${req.path}`;
      for (const cookie of [res.getHeader('set-cookie') ?? []].flat().map(String)) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        // The id of an interaction is in its URL, too, which is of no use without the cookies' signatures.
        if (!/^(?:__\w+-)?mcp_(?:interaction|resume)$/.test(name)) keepSecret(kept, `cookie ${name}`, value);
      }
      const { 'set-cookie': _, ...headers } = res.getHeaders();
      if (res.statusCode >= 300) kept.emitted.push({ what: `headers of ${what}`, text: JSON.stringify(headers) });
      if (res.statusCode >= 400) kept.emitted.push({ what: `body of ${what}`, text });
    });
    next();
  };
}

/** Everything printed meanwhile. */
function recordOutput(kept: Kept): () => void {
  const restores = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const { write } = stream;
    stream.write = ((...given: Parameters<typeof write>) => {
      kept.emitted.push({ what: name, text: String(given[0]) });
      return write.apply(stream, given);
    }) as typeof write;
    return () => {
      stream.write = write;
    };
  });
  return () => {
    for (const restore of restores) restore();
  };
}

interface Day {
  readonly url: string;
  readonly kept: Kept;
  readonly idp: IdentityProvider;
  readonly upstream: OAuthUpstream;
  readonly client: OAuthClient;
}

function keepTokens(kept: Kept, { json }: Answer): { accessToken: string; refreshToken: string } {
  keepSecret(kept, 'access token', json?.access_token);
  keepSecret(kept, 'refresh token', json?.refresh_token);
  return { accessToken: String(json?.access_token), refreshToken: String(json?.refresh_token) };
}

async function authorize(day: Day, browser: Browser, client = day.client, user = 'alice'): Promise<Page> {
  const stopAt = (url: string) => url.startsWith(client.redirectUri);
  let page = await browser.get(client.authorizeUrl(), { stopAt });
  const controlsOf = ({ forms }: Page) => forms.flatMap((form) => form.controls.map(({ name }) => name));
  if (controlsOf(page).includes('csrf')) page = await browser.submit(page, 'csrf', { decision: 'approve' }, { stopAt });
  if (controlsOf(page).includes('login')) page = await browser.submit(page, 'login', { login: user }, { stopAt });
  keepSecret(day.kept, 'authorization code', callbackOf(page).code);
  return page;
}

async function signIn(day: Day, browser = createBrowser(), client = day.client) {
  const { code = '' } = callbackOf(await authorize(day, browser, client));
  return { code, browser, ...keepTokens(day.kept, await client.redeem(code)) };
}

async function refusedRequests({ url, kept, client }: Day, accessToken: string): Promise<void> {
  await send(`${url}/mcp`);
  await send(`${url}/mcp`, { headers: bearer('not a token of this server at all') });
  await send(`${url}/mcp?access_token=${accessToken}`);
  await send(`${url}/mcp`, { headers: { ...bearer(accessToken), origin: 'https://elsewhere.example' } });
  await send(`${url}/mcp`, { headers: { ...bearer(accessToken), host: 'elsewhere.example' } });
  await send(`${url}/files`, { headers: bearer(accessToken) });
  await rpc(`${url}/mcp`, { accessToken }, 'tools/call', { name: 'delete', arguments: {} });
  await register(url, { redirect_uris: ['javascript:alert(1)'] });
  await send(`${url}/oauth/authorize?client_id=https://127.0.0.1/client.json&redirect_uri=http://127.0.0.1:1/callback`);
  await createBrowser().get(client.authorizeUrl({ resource: 'https://elsewhere.example/mcp' }), {
    stopAt: (location) => location.startsWith(client.redirectUri),
  });
  const wrong = 'a secret that is wrong, and is a secret';
  keepSecret(kept, 'wrong client secret', wrong);
  await client.introspect(accessToken, { client_secret: wrong });
  await client.revoke(accessToken, {}, { authorization: `Basic ${Buffer.from(`x:${wrong}`).toString('base64')}` });
}

async function refusedLogins(day: Day): Promise<void> {
  const { client, idp } = day;
  const stopAt = (url: string) => url.startsWith(client.redirectUri);
  const browser = createBrowser({ stopAt });
  await browser.submit(await browser.get(client.authorizeUrl()), 'csrf', { decision: 'deny' });
  idp.misbehave.idToken = idTokenFaults['wrong nonce'];
  await authorize(day, createBrowser());
  idp.behave();
  idp.misbehave.token = 'http500';
  await authorize(day, createBrowser());
  idp.behave();
  await authorize(day, createBrowser(), client, 'bob');
  await browser.get(`${day.url}/oauth/callback?state=${'x'.repeat(43)}&code=a-code-that-nobody-issued`);
}

/** A code and a refresh token that are sent again. */
async function replays(day: Day): Promise<void> {
  const { client, kept } = day;
  const { code = '' } = callbackOf(await authorize(day, createBrowser()));
  await client.redeem(code, { code_verifier: 'a wrong verifier, which is long enough to be one, anyway' });
  const first = keepTokens(kept, await client.redeem(code));
  const second = keepTokens(kept, await client.refresh(first.refreshToken));
  await client.refresh(first.refreshToken);
  keepTokens(kept, await client.refresh(second.refreshToken));
  await client.refresh(first.refreshToken);
  const other = await signIn(day);
  await client.redeem(other.code);
}

async function upstreamCalls(day: Day): Promise<void> {
  const { url, kept, upstream } = day;
  const files = await createOAuthClient(url, {}, `${url}/files`);
  keepSecret(kept, 'PKCE verifier', files.verifier);
  const browser = createBrowser();
  const { accessToken } = await signIn(day, browser, files);
  const call = (name = 'whoami') =>
    rpc(`${url}/files`, { accessToken }, 'tools/call', { name, arguments: {} }, { 'x-test': 'full run' });
  await connect(browser, linkIn((await call()).text), 'alice-at-files');
  await call();
  await call('delete_everything');
  await rpc(`${url}/files`, { accessToken }, 'tools/list');
  upstream.faults.mcp = (_req, res) => {
    res.destroy();
    return true;
  };
  await call();
  upstream.faults.mcp = undefined;
  upstream.forgetGrants();
  await connect(browser, linkIn((await call()).text), 'alice-at-files');
  upstream.forgetAccessTokens();
  upstream.faults.token = { status: 503 };
  await call();
  upstream.faults.token = undefined;
  const page = await browser.get(`${url}/oauth/connections`);
  await browser.submit(page, 'upstream', { decision: 'disconnect' });
}

/** Sign-out in the browser, and by the operator. */
async function endings(day: Day, end: () => Promise<unknown>): Promise<void> {
  const { client, url } = day;
  const { browser, accessToken, refreshToken } = await signIn(day);
  await client.revoke(refreshToken);
  await send(`${url}/mcp`, { headers: bearer(accessToken) });
  const page = await browser.get(`${url}/oauth/logout`);
  await browser.submit(page, 0, {}, { stopAt: (location) => !location.startsWith(url) });
  await signIn(day);
  await end();
}

function keepWhatOthersSaw({ kept, idp, upstream }: Day): void {
  for (const { form } of idp.requests)
    for (const name of ['code', 'code_verifier', 'client_secret', 'refresh_token'])
      keepSecret(kept, `${name} at the identity provider`, form.get(name));
  for (const request of upstream.tokenRequests)
    for (const name of ['code', 'code_verifier', 'client_secret', 'refresh_token'])
      keepSecret(kept, `${name} at the upstream`, request[name]);
  for (const authorization of upstream.authorizations)
    keepSecret(kept, 'upstream token', authorization?.replace('Bearer ', ''));
}

const capabilities = { tools: { allow: ['whoami', 'count'] } };

/** Takes a few seconds. */
export async function runFully(): Promise<FullRun> {
  const kept: Kept = { emitted: [], secrets: new Map() };
  const idp = await startIdentityProvider({ refreshTokens: true });
  const upstream = await startOAuthUpstream();
  const apiKey = 'the key of the search company, a secret';
  const secret = 'the secret option of this server, long enough';
  for (const [what, value] of Object.entries({ apiKey, secret, idpSecret: idp.clientSecret }))
    keepSecret(kept, what, value);
  const log = (level: string) => (message: string, details?: object) =>
    void kept.emitted.push({ what: `log ${level}`, text: `${message} ${JSON.stringify(details)}` });
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const gateway = await startGateway({
    beforeAuth: (app) => void app.use(recordAnswers(kept)),
    options: () => ({
      oidc: { issuer: idp.issuer },
      browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret, offlineAccess: true },
      authorizeUser: ({ sub }) => sub !== 'bob',
      secret,
      logger,
      clients: [
        {
          client_id: 'reader',
          client_secret: 'the secret of the static client named reader',
          redirect_uris: ['http://127.0.0.1:1/reader'],
          token_endpoint_auth_method: 'client_secret_basic',
        },
      ],
    }),
    routes(app, auth) {
      const rules = { scopes: ['mcp:tools'], operationScopes: { 'tools/call': { delete: ['files:delete'] } } } as const;
      app.all('/mcp', auth.authenticate('/mcp', rules as never), (_req, res) => res.json({}));
      const files = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand' });
      app.use(auth.proxy('/files', { target: upstream.url, upstream: files, capabilities }));
      app.use(auth.proxy('/search', { target: upstream.url, upstream: staticHeaders({ 'x-api-key': apiKey }) }));
    },
  });
  idp.redirectUris.push(`${gateway.url}/oauth/callback`);
  keepSecret(kept, 'client secret', 'the secret of the static client named reader');
  const restore = recordOutput(kept);
  try {
    const client = await createOAuthClient(gateway.url, { token_endpoint_auth_method: 'client_secret_post' });
    keepSecret(kept, 'client secret', client.clientSecret);
    keepSecret(kept, 'PKCE verifier', client.verifier);
    const day: Day = { url: gateway.url, kept, idp, upstream, client };
    const { accessToken } = await signIn(day);
    await send(`${gateway.url}/mcp`, { headers: bearer(accessToken) });
    await refusedRequests(day, accessToken);
    await refusedLogins(day);
    await replays(day);
    await upstreamCalls(day);
    await endings(day, () => gateway.auth.revoke({ clientId: client.clientId }));
    const failure = await gateway.auth.verify('a token that was never issued', '/mcp').catch((error: unknown) => error);
    kept.emitted.push({ what: 'error of verify', text: `${failure} ${JSON.stringify(failure)}` });
    keepWhatOthersSaw(day);
  } finally {
    restore();
    await gateway.close();
    await upstream.close();
    await idp.close();
  }
  for (const event of gateway.events) kept.emitted.push({ what: `event ${event.type}`, text: JSON.stringify(event) });
  return { events: gateway.events, ...kept };
}
