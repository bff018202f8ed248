import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as api from '@opentelemetry/api';
import {
  ConfigurationError,
  mcpOAuth,
  memoryStorage,
  StorageUnavailableError,
  staticHeaders,
} from '../../lib/index.ts';
import { createEvents } from '../../lib/shared/events.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { createOAuthClient, postForm, postJson, send } from '../helpers/oauth-client.ts';
import { type ObservedTelemetry, startTelemetry } from '../helpers/observed-telemetry.ts';
import { bearer, signInByHand } from '../helpers/protected-server.ts';

interface Arrived {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let telemetry: ObservedTelemetry;
let gateway: Gateway;
let upstream: ReturnType<typeof createServer>;
const arrived: Arrived[] = [];
/** Spans in which the handler behind `authenticate` ran. */
const behind: unknown[] = [];
let status = 200;
let session: Record<string, string> = {};
const storage = memoryStorage();

beforeAll(async () => {
  telemetry = startTelemetry();
  upstream = createServer(async (req, res) => {
    arrived.push({ headers: req.headers, body: Buffer.concat(await req.toArray()).toString() });
    res
      .writeHead(status, { 'content-type': 'application/json', ...session })
      .end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`;
  gateway = await startGateway({
    options: () => ({ telemetry: { api }, storage }),
    routes: (app, auth) => {
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => {
        behind.push(api.trace.getActiveSpan());
        res.json({ ok: true });
      });
      app.use(auth.proxy('/tools', { target, upstream: staticHeaders({ 'x-api-key': 'a key' }) }));
      app.use(auth.proxy('/open', { target }));
    },
  });
});
afterEach(() => {
  telemetry.reset();
  arrived.length = 0;
  status = 200;
  session = {};
});
afterAll(async () => {
  await gateway.close();
  upstream.close();
  await telemetry.close();
});

const attributesOf = async (name: string | RegExp) => (await telemetry.span(name)).attributes;

async function tokenFor(path: string): Promise<string> {
  const { accessToken } = await signInByHand(gateway.url, `${gateway.url}${path}`);
  return accessToken;
}

/** `tools/call` of a tool, at a proxied route. */
async function call(path: string, message: unknown, headers: Record<string, string> = {}) {
  const token = await tokenFor(path);
  telemetry.reset();
  return postJson(`${gateway.url}${path}`, message, {
    ...bearer(token),
    accept: 'application/json, text/event-stream',
    ...headers,
  });
}

/** The span of a call ends after its answer was read, and so does the one of its request to the upstream. */
async function waitForBoth(): Promise<void> {
  await telemetry.span('tools/call get-weather');
  while (telemetry.spans('tools/call get-weather').length < 2) await new Promise(setImmediate);
}

const weather = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'get-weather', arguments: { n: 1 } } };

describe('a login', () => {
  it('has a span for each endpoint, with one flow id from the authorization request to the first call', async () => {
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const { json } = await client.redeem(await client.login(createBrowser()));
    await client.refresh(String(json?.refresh_token));
    await send(`${gateway.url}/mcp`, { headers: bearer(String(json?.access_token)) });

    const issued = await attributesOf('mcp_oauth token');
    const flowId = issued['mcp_oauth.flow.id'];
    expect(issued).toMatchObject({
      'mcp_oauth.endpoint': 'token',
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'mcp_oauth.client.id': client.clientId,
    });
    expect(typeof flowId).toBe('string');
    for (const name of ['mcp_oauth authorization', 'mcp_oauth interaction', 'mcp_oauth authenticate'])
      expect(telemetry.spans(name).map(({ attributes }) => attributes['mcp_oauth.flow.id'])).toContain(flowId);
    const [registration] = telemetry.spans('mcp_oauth registration');
    expect(registration?.attributes['mcp_oauth.client.id']).toBe(client.clientId);
  });

  it('is counted: registrations, tokens by grant type, and how long it took', async () => {
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const { json } = await client.redeem(await client.login(createBrowser()));
    await client.refresh(String(json?.refresh_token));

    const tokens = await telemetry.metric('mcp_oauth.token.issued');
    const types = tokens.map(({ attributes }) => attributes['oauth.grant_type']);
    expect(types).toEqual(expect.arrayContaining(['authorization_code', 'refresh_token']));
    const [registered] = await telemetry.metric('mcp_oauth.client.registered');
    expect(registered?.count).toBeGreaterThanOrEqual(1);
    const [duration] = await telemetry.metric('mcp_oauth.authorization.duration');
    expect(duration?.count).toBeGreaterThanOrEqual(1);
    const requests = await telemetry.metric('mcp_oauth.request.duration');
    expect(requests.map(({ attributes }) => attributes['mcp_oauth.endpoint'])).toEqual(
      expect.arrayContaining(['registration', 'authorization', 'interaction', 'token']),
    );
  });

  it('has the calls of the store below the request that waits for them', async () => {
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const code = await client.login(createBrowser());
    telemetry.reset();
    await client.redeem(code);
    const request = await telemetry.span('mcp_oauth token');
    const calls = telemetry.spans(/^storage /);
    expect(calls.length).toBeGreaterThan(3);
    for (const span of calls) expect(span.spanContext().traceId).toBe(request.spanContext().traceId);
    const names = calls.map(({ name }) => name);
    expect(names).toContain('storage get Client');
    const kinds = (await telemetry.metric('mcp_oauth.store.operation.duration')).map(({ attributes }) => attributes);
    expect(kinds).toContainEqual({ 'mcp_oauth.store.operation': 'get', 'mcp_oauth.store.kind': 'Client' });
  });

  it('that fails has a reason code of few values, and no text of the caller', async () => {
    for (const secret of ['first of many', 'second of many']) {
      const parameters = { grant_type: 'refresh_token', refresh_token: secret, client_id: 'nobody' };
      await postForm(`${gateway.url}/oauth/token`, parameters);
      await send(`${gateway.url}/oauth/token`, { method: secret.startsWith('first') ? 'PUT' : 'PATCH' });
    }
    await send(`${gateway.url}/mcp`);
    const events = (await telemetry.metric('mcp_oauth.event')).map(({ attributes }) => attributes);
    const refused = events.filter((event) => event['mcp_oauth.event.type'] === 'token.refused');
    expect(refused.map((event) => event['mcp_oauth.reason'])).toContain('method_not_allowed');
    expect(refused.length).toBeLessThanOrEqual(4);
    expect(JSON.stringify(events)).not.toMatch(/of many|nobody/);
    expect(events).toContainEqual({
      'mcp_oauth.event.type': 'resource.refused',
      'mcp_oauth.outcome': 'refused',
      'mcp_oauth.reason': expect.stringMatching(/^[a-z0-9_]+$/),
    });
  });

  it('during an outage of the store fails with 503 on spans and metrics', async () => {
    const { get, getAll } = storage;
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}/mcp`);
    const refuse = () => Promise.reject(new StorageUnavailableError('down'));
    Object.assign(storage, { get: refuse, getAll: refuse });
    const answer = await client.redeem('no code').finally(() => {
      Object.assign(storage, { get, getAll });
    });
    expect(answer.status).toBe(503);
    const span = await telemetry.span('mcp_oauth token');
    expect(span.attributes['error.type']).toBe('503');
    expect(span.status.code).toBe(api.SpanStatusCode.ERROR);
    expect(telemetry.spans(/^storage get/).map(({ attributes }) => attributes['error.type'])).toContain(
      'StorageUnavailableError',
    );
  });
});

describe('authenticate', () => {
  it('is measured by outcome, and the handler behind it is not below its span', async () => {
    const token = await tokenFor('/mcp');
    behind.length = 0;
    for (let time = 0; time < 2; time += 1) await send(`${gateway.url}/mcp`, { headers: bearer(token) });
    await send(`${gateway.url}/mcp`);
    expect(behind).toEqual([undefined, undefined]);
    const outcomes = (await telemetry.metric('mcp_oauth.authenticate.duration')).map(({ attributes }) => attributes);
    expect(outcomes).toContainEqual({ 'mcp_oauth.resource': '/mcp', 'mcp_oauth.outcome': 'allowed' });
    expect(outcomes).toContainEqual({
      'mcp_oauth.resource': '/mcp',
      'mcp_oauth.outcome': 'refused',
      'http.response.status_code': 401,
    });
  });
});

describe('a proxied call', () => {
  it('has the spans and metrics of the semantic conventions for MCP, on both sides', async () => {
    const headers = bearer(await tokenFor('/tools'));
    session = { 'mcp-session-id': 'a-session' };
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } };
    const begun = await postJson(`${gateway.url}/tools`, initialize, headers);
    const sessionId = String(begun.headers.get('mcp-session-id'));
    const more = { 'mcp-session-id': sessionId, 'mcp-protocol-version': '2025-11-25' };
    const answer = await postJson(`${gateway.url}/tools`, weather, { ...headers, ...more });
    expect(answer.status).toBe(200);
    await waitForBoth();
    const spans = telemetry.spans('tools/call get-weather');
    const server = spans.find(({ kind }) => kind === api.SpanKind.SERVER);
    const client = spans.find(({ kind }) => kind === api.SpanKind.CLIENT);
    const common = {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'get-weather',
      'mcp.protocol.version': '2025-11-25',
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
    };
    for (const span of [server, client])
      expect(span?.attributes).toMatchObject({ ...common, 'mcp.session.id': sessionId, 'jsonrpc.request.id': '7' });
    expect(client?.attributes).toMatchObject({
      'server.address': '127.0.0.1',
      'server.port': (upstream.address() as AddressInfo).port,
      'http.response.status_code': 200,
    });
    for (const side of ['server', 'client'] as const) {
      const points = await telemetry.metric(`mcp.${side}.operation.duration`);
      const found = points.find(({ attributes }) => attributes['gen_ai.tool.name'] === 'get-weather');
      expect(found?.attributes).toMatchObject({ ...common, 'http.response.status_code': 200 });
      expect(found?.attributes).not.toHaveProperty('mcp.session.id');
      expect(found?.attributes).not.toHaveProperty('mcp_oauth.client.id');
    }
  });

  it('continues the client’s trace, and passes it on in headers and in _meta (SEP-414)', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const _meta = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'vendor=1', kept: 'as it is' };
    await call('/tools', { ...weather, params: { ...weather.params, _meta } });
    await waitForBoth();
    for (const span of telemetry.spans('tools/call get-weather')) expect(span.spanContext().traceId).toBe(traceId);
    const [request] = arrived;
    const sent = JSON.parse(request?.body ?? '');
    const spans = telemetry.spans('tools/call get-weather').map((span) => span.spanContext().spanId);
    const expected = new RegExp(`^00-${traceId}-(?:${spans.join('|')})-01$`);
    expect(request?.headers.traceparent).toMatch(expected);
    expect(request?.headers.tracestate).toBe('vendor=1');
    expect(sent.params._meta).toEqual({
      traceparent: request?.headers.traceparent,
      tracestate: 'vendor=1',
      kept: 'as it is',
    });
    expect(Number(request?.headers['content-length'])).toBe(Buffer.byteLength(request?.body ?? ''));
    expect(request?.headers['x-api-key']).toBe('a key');
  });

  it('begins a trace where the client has none, in a message without params, too', async () => {
    await call('/open', { jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const sent = JSON.parse(arrived[0]?.body ?? '');
    expect(sent.params._meta.traceparent).toBe(arrived[0]?.headers.traceparent);
    expect(arrived[0]?.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('that the upstream refuses or breaks off has an error type', async () => {
    status = 500;
    await call('/open', weather);
    expect((await telemetry.span('tools/call get-weather')).attributes['error.type']).toBe('500');
  });

  it('of methods and tools that callers make up costs no new series', async () => {
    const token = await tokenFor('/open');
    for (let index = 0; index < 230; index += 1) {
      const message = { jsonrpc: '2.0', id: index, method: 'tools/call', params: { name: `made-up-${index}` } };
      await postJson(`${gateway.url}/open`, message, bearer(token));
    }
    await postJson(`${gateway.url}/open`, { jsonrpc: '2.0', id: 1, method: 'made/up' }, bearer(token));
    const points = await telemetry.metric('mcp.server.operation.duration');
    const names = new Set(points.map(({ attributes }) => attributes['gen_ai.tool.name']));
    expect(names.size).toBeLessThanOrEqual(201);
    const methods = points.map(({ attributes }) => attributes['mcp.method.name']);
    expect(methods).toContain('_OTHER');
    expect(methods).not.toContain('made/up');
  });
});

describe('requests to an identity provider', () => {
  let idp: IdentityProvider;
  let federated: Gateway;
  beforeAll(async () => {
    idp = await startIdentityProvider();
    federated = await startGateway({
      options: () => ({
        telemetry: true,
        oidc: { issuer: idp.issuer },
        browserLogin: { clientId: idp.clientId, clientSecret: idp.clientSecret },
      }),
      routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
    });
  });
  afterAll(async () => {
    await federated.close();
    await idp.close();
  });

  it('have a client span without the query, and no trace context leaves with them', async () => {
    const client = await createOAuthClient(federated.url, {}, `${federated.url}/mcp`);
    await createBrowser().get(client.authorizeUrl());
    await federated.auth.ready();
    const browser = createBrowser();
    const page = await browser.get(client.authorizeUrl());
    await browser.submit(page, 'decision', { decision: 'approve' });
    const span = await telemetry.span('GET');
    expect(span.kind).toBe(api.SpanKind.CLIENT);
    expect(span.attributes).toMatchObject({ 'mcp_oauth.purpose': 'identity provider', 'server.address': '127.0.0.1' });
    expect(String(span.attributes['url.full'])).not.toContain('?');
    const [point] = await telemetry.metric('mcp_oauth.outbound.duration');
    expect(Object.keys(point?.attributes ?? {}).sort()).toEqual(['http.response.status_code', 'mcp_oauth.purpose']);
  });
});

it('events are observed where nobody listens to them', () => {
  const seen: string[] = [];
  createEvents(undefined, Date.now, ({ type }) => void seen.push(type)).emit({ type: 'consent.denied' });
  expect(seen).toEqual(['consent.denied']);
});

describe('the option telemetry', () => {
  const issuer = 'http://127.0.0.1:3000';
  const start = (given: unknown) =>
    mcpOAuth({
      issuer,
      browserLogin: { url: `${issuer}/oauth/dev-login` },
      storage: memoryStorage(),
      telemetry: given as boolean,
    });

  it.each([
    ['text', 'on', 'telemetry: must be true, false or an object, got string'],
    ['an unknown member', { exporter: 1 }, 'telemetry.exporter: is not an option'],
    ['another propagation', { propagation: 'all' }, "telemetry.propagation: must be one of 'headers-and-meta'"],
    [
      'another module',
      { api: { trace: {} } },
      'telemetry.api: must be the module @opentelemetry/api, got object without',
    ],
  ])('refuses %s', (_what, given, message) => {
    expect(() => start(given)).toThrow(ConfigurationError);
    expect(() => start(given)).toThrow(message);
  });

  it('accepts the module itself, true and false', async () => {
    for (const given of [{ api }, true, false]) await start(given).close();
  });
});
