import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type Answer, postForm, register, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

const redirectUris = ['https://client.example/callback'];
const json = { 'content-type': 'application/json' };

let gateway: ObservedGateway;
let endpoint: string;
beforeAll(async () => {
  gateway = await startObservedGateway();
  endpoint = `${gateway.url}/oauth/register`;
});
afterAll(() => gateway.close());

const attempt = (metadata: unknown) => gateway.observe(() => register(gateway.url, metadata));

/** A JSON error that no cache keeps, nothing stored, and the exact reason for the operator. */
function expectRefused(observed: Observed<Answer>, status: number, error: string, reason: string): void {
  const { answer, events, writes } = observed;
  expect({ status: answer.status, error: answer.json?.error, events, writes }).toEqual({
    status,
    error,
    events: [`client.refused: ${reason}`],
    writes: [],
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

describe('redirect URIs', () => {
  it.each([
    [5, 'not_a_string'],
    [null, 'not_a_string'],
    [['https://client.example/'], 'not_a_string'],
    [`https://client.example/${'x'.repeat(2048)}`, 'too_long'],
    ['https://client.example/call back', 'forbidden_character'],
    ['https://client.example/\ncallback', 'forbidden_character'],
    ['https://client.example/\0', 'forbidden_character'],
    ['https://client.example\\@evil.example/', 'forbidden_character'],
    ['https://exämple.example/', 'forbidden_character'],
    ['', 'not_absolute'],
    ['/callback', 'not_absolute'],
    ['https:/client.example/callback', 'not_absolute'],
    ['http:127.0.0.1/callback', 'not_absolute'],
    ['https://client.example:99999/', 'not_absolute'],
    ['https://client.example/callback#fragment', 'fragment'],
    ['https://client.example/callback#', 'fragment'],
    ['https://user:password@client.example/', 'userinfo'],
    ['https://@client.example/', 'userinfo'],
    ['com.example.app://user@host/callback', 'userinfo'],
    ['https://*.example/callback', 'wildcard'],
    ['http://client.example/callback', 'http_not_loopback'],
    ['http://localhost.evil.example/', 'http_not_loopback'],
    ['http://127.0.0.1.evil.example/', 'http_not_loopback'],
    ['http://0.0.0.0/', 'http_not_loopback'],
    ['http://169.254.169.254/', 'http_not_loopback'],
    ['http://127.1/', 'http_not_loopback'],
    ['http://2130706433/', 'http_not_loopback'],
    ['http://0x7f000001:8080/', 'http_not_loopback'],
    ['javascript:alert(1)', 'scheme_refused'],
    ['JavaScript:alert(1)', 'scheme_refused'],
    ['data:text/html,x', 'scheme_refused'],
    ['file:///etc/passwd', 'scheme_refused'],
    ['vbscript:x', 'scheme_refused'],
    ['blob:https://client.example/x', 'scheme_refused'],
    ['view-source:https://client.example/', 'scheme_refused'],
    ['intent://client.example/', 'scheme_refused'],
    ['myapp://callback', 'scheme_unknown'],
    ['ms-msdt:/id', 'scheme_unknown'],
    ['urn:ietf:wg:oauth:2.0:oob', 'scheme_unknown'],
  ])('refuses %j as %s and stores nothing (RFC 9700 section 4.1, RFC 8252 section 7)', async (uri, problem) => {
    const reason = `redirect_uris[0] is not allowed: ${problem}`;

    const observed = await attempt({ redirect_uris: [uri] });

    expectRefused(observed, 400, 'invalid_redirect_uri', reason);
    expect(observed.answer.json?.error_description).toBe(reason);
  });

  it('names the one bad URI of several', async () => {
    const observed = await attempt({ redirect_uris: [...redirectUris, 'javascript:alert(1)'] });

    expectRefused(observed, 400, 'invalid_redirect_uri', 'redirect_uris[1] is not allowed: scheme_refused');
  });

  it.each([
    ['none', {}],
    ['an empty list', { redirect_uris: [] }],
    ['a string', { redirect_uris: 'https://client.example/' }],
    ['null', { redirect_uris: null }],
    ['an inherited list', '{"__proto__":{"redirect_uris":["https://client.example/"]}}'],
  ])('refuses %s (RFC 7591 section 2)', async (_what, body) => {
    expectRefused(
      await attempt(body),
      400,
      'invalid_redirect_uri',
      'redirect_uris is required: an array of at least one URI',
    );
  });

  it('refuses more than twenty (CWE-770)', async () => {
    const uris = Array.from({ length: 21 }, (_, index) => `https://client.example/${index}`);

    expectRefused(
      await attempt({ redirect_uris: uris }),
      400,
      'invalid_redirect_uri',
      'redirect_uris may hold at most 20 URIs',
    );
  });
});

describe('bodies', () => {
  it.each([
    ['malformed JSON', '{"redirect_uris":', 'the request body is not JSON'],
    ['an empty body', '', 'the request body is not JSON'],
    ['an array', '[]', 'the request body must be a JSON object'],
    ['null', 'null', 'the request body must be a JSON object'],
    ['a string', '"x"', 'the request body must be a JSON object'],
  ])('refuses %s as invalid_client_metadata (RFC 7591 section 3.2.2)', async (_what, body, reason) => {
    expectRefused(await attempt(body), 400, 'invalid_client_metadata', reason);
  });

  it.each([
    ['a form', () => postForm(endpoint, { redirect_uris: redirectUris })],
    ['plain text', () => send(endpoint, { headers: { 'content-type': 'text/plain' }, body: '{}' })],
    ['no media type', () => send(endpoint, { body: '{}' })],
    [
      'a compressed body',
      () =>
        send(endpoint, {
          headers: { ...json, 'content-encoding': 'gzip' },
          body: gzipSync(JSON.stringify({ redirect_uris: redirectUris })),
        }),
    ],
  ])('refuses %s (CWE-409)', async (_what, work) => {
    expectRefused(await gateway.observe(work), 400, 'invalid_request', 'request body: wrong_type');
  });

  it('refuses more than 16 KiB, announced by its length (CWE-400)', async () => {
    const observed = await attempt({ redirect_uris: redirectUris, client_name: 'x'.repeat(16_384) });

    expectRefused(observed, 413, 'invalid_request', 'request body: too_large');
  });

  it('refuses more than 16 KiB, sent in chunks (CWE-400)', async () => {
    const body = JSON.stringify({ redirect_uris: redirectUris, client_name: 'x'.repeat(16_384) });
    const observed = await gateway.observe(() =>
      send(endpoint, { headers: { ...json, 'transfer-encoding': 'chunked' }, body }),
    );

    expectRefused(observed, 413, 'invalid_request', 'request body: too_large');
  });

  it('takes an object that poisons prototypes for what it is: one without those members (CWE-1321)', async () => {
    const body =
      '{"__proto__":{"polluted":"yes","token_endpoint_auth_method":"client_secret_post"},"constructor":{"prototype":{"polluted":"yes"}},"redirect_uris":["https://client.example/callback"]}';

    const { answer } = await attempt(body);
    const { answer: next } = await attempt({ redirect_uris: redirectUris });

    expect(answer.status).toBe(201);
    expect(answer.text).not.toMatch(/polluted|client_secret/);
    expect(next.text).not.toMatch(/polluted|client_secret/);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('reads a deeply nested body without harm (CWE-674)', async () => {
    const nested = `${'['.repeat(7000)}${']'.repeat(7000)}`;

    const { answer } = await attempt(`{"redirect_uris":["https://client.example/callback"],"x":${nested}}`);

    expect(answer.status).toBe(201);
    expect(answer.json).not.toHaveProperty('x');
  });
});

describe('methods and CORS', () => {
  it.each(['GET', 'PUT', 'DELETE', 'PATCH'])(
    'answers %s with 405 and Allow (RFC 9110 section 15.5.6)',
    async (method) => {
      const observed = await gateway.observe(() => send(endpoint, { method }));

      expectRefused(observed, 405, 'invalid_request', `method ${method}`);
      expect(observed.answer.headers.get('allow')).toBe('POST, OPTIONS');
    },
  );

  it('answers a preflight for any origin, without credentials (Fetch, CORS-preflight)', async () => {
    const { answer, events, writes } = await gateway.observe(() =>
      send(endpoint, {
        method: 'OPTIONS',
        headers: {
          origin: 'https://app.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type,mcp-protocol-version',
        },
      }),
    );

    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-methods')).toBe('POST');
    expect(answer.headers.get('access-control-allow-headers')).toMatch(/Content-Type.*MCP-Protocol-Version/);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect([events, writes]).toEqual([[], []]);
  });

  it.each([
    ['a registration', { redirect_uris: redirectUris }, 201],
    ['a refusal', {}, 400],
  ])('lets any page read %s, without credentials', async (_what, body, status) => {
    const answer = await register(gateway.url, body, { origin: 'https://app.example' });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('behind a body parser of the app', () => {
  let behindParser: ObservedGateway;
  beforeAll(async () => {
    behindParser = await startObservedGateway({ beforeAuth: (app) => void app.use(express.json()) });
  });
  afterAll(() => behindParser.close());

  it('registers from the body that express.json() has read', async () => {
    const { answer, writes } = await behindParser.observe(() =>
      register(behindParser.url, { redirect_uris: redirectUris, client_name: 'Parsed' }),
    );

    expect(answer).toMatchObject({ status: 201, json: { client_name: 'Parsed', redirect_uris: redirectUris } });
    expect(writes).toEqual(['put Client']);
  });

  it('keeps its own limit of 16 KiB', async () => {
    const observed = await behindParser.observe(() =>
      register(behindParser.url, { redirect_uris: redirectUris, client_name: 'x'.repeat(16_384) }),
    );

    expectRefused(observed, 413, 'invalid_request', 'request body: too_large');
  });
});
