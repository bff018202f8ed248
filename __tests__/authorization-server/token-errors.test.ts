import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Answer,
  basic,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  postForm,
  postJson,
  send,
} from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const web = { redirect_uris: ['https://client.example/callback'] };

let gateway: ObservedGateway;
let endpoint: string;
let open: OAuthClient;
let withBasic: OAuthClient;
let withPost: OAuthClient;
beforeAll(async () => {
  gateway = await startObservedGateway();
  endpoint = `${gateway.url}/oauth/token`;
  open = await createOAuthClient(gateway.url);
  withBasic = await createOAuthClient(gateway.url, { ...web, token_endpoint_auth_method: 'client_secret_basic' });
  withPost = await createOAuthClient(gateway.url, { ...web, token_endpoint_auth_method: 'client_secret_post' });
});
afterAll(() => gateway.close());

/** A JSON error that no cache keeps (RFC 6749 section 5.2), nothing stored, and the exact reason for the operator. */
function expectRefused(observed: Observed<Answer>, status: number, error: string, reason: string): void {
  const { answer, events, writes } = observed;
  expect({ status: answer.status, error: answer.json?.error, events, writes }).toEqual({
    status,
    error,
    events: [`token.refused: ${reason}`],
    writes: [],
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.getSetCookie()).toEqual([]);
}

const redeem = (client: OAuthClient, overrides: Parameters = {}, headers: Record<string, string> = {}) =>
  gateway.observe(() => client.redeem('no-such-code', overrides, headers));

describe('client authentication', () => {
  it.each(['*/*', 'text/html', 'application/json'])(
    'answers an unknown client 401 invalid_client as JSON, also to Accept: %s (RFC 6749 section 5.2)',
    async (accept) => {
      const observed = await redeem(open, { client_id: 'unknown' }, { accept });

      expectRefused(observed, 401, 'invalid_client', 'invalid_client: client not found');
      expect(observed.answer.json?.error_description).toBe('client authentication failed');
    },
  );

  it('challenges an unknown client that used Basic for Basic (RFC 6749 section 5.2)', async () => {
    const observed = await redeem(open, { client_id: undefined }, basic('unknown', 'secret'));

    expectRefused(observed, 401, 'invalid_client', 'invalid_client: client not found');
    expect(observed.answer.headers.get('www-authenticate')).toMatch(/^Basic realm="/);
  });

  it('answers a request without client invalid_request', async () => {
    const reason = 'invalid_request: no client authentication mechanism provided';

    expectRefused(await redeem(open, { client_id: undefined }), 400, 'invalid_request', reason);
  });

  it('answers a wrong secret in the header and in the body alike, and as vaguely as an unknown client', async () => {
    const inHeader = await redeem(withBasic, {}, basic(withBasic.clientId, 'wrong'));
    const inBody = await redeem(withPost, { client_secret: 'wrong' });

    expectRefused(inHeader, 401, 'invalid_client', 'invalid_client: invalid secret provided');
    expectRefused(inBody, 401, 'invalid_client', 'invalid_client: invalid secret provided');
    expect(inBody.answer.json?.error_description).toBe('client authentication failed');
  });

  it.each<[string, () => Promise<Observed<Answer>>]>([
    ['a confidential client without its secret', () => redeem(withPost, { client_secret: undefined })],
    ['a confidential client as a public one', () => redeem(open, { client_id: withBasic.clientId })],
    ['a public client with a secret', () => redeem(open, { client_secret: 'x' })],
  ])('refuses %s: no downgrade, no guess (RFC 6749 section 2.3)', async (_what, work) => {
    const reason =
      'invalid_client: the provided authentication mechanism does not match the registered client authentication method';

    expectRefused(await work(), 401, 'invalid_client', reason);
  });

  it('refuses credentials in the header and in the body together (RFC 6749 section 2.3)', async () => {
    const doubled = { client_id: withBasic.clientId, client_secret: withBasic.clientSecret };
    const reason = 'invalid_request: client authentication must only be provided using one mechanism';

    expectRefused(await redeem(withBasic, doubled), 400, 'invalid_request', reason);
  });

  it('refuses a client_id in the body that is not the one in the header', async () => {
    const observed = await redeem(withBasic, { client_id: open.clientId });

    expectRefused(observed, 400, 'invalid_request', 'invalid_request: client_id mismatch');
  });

  it('refuses two Authorization headers, though the first is right (RFC 9110 section 5.3)', async () => {
    const { authorization } = basic(withBasic.clientId, String(withBasic.clientSecret));

    const observed = await gateway.observe(() =>
      send(endpoint, {
        headers: [
          ...Object.entries(form),
          ['Authorization', authorization],
          ['Authorization', basic('someone', 'else').authorization],
        ],
        body: 'grant_type=refresh_token&refresh_token=x',
      }),
    );

    expectRefused(observed, 400, 'invalid_request', 'several Authorization headers');
  });

  const format = 'invalid authorization header value format';
  const encoded = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  it.each([
    ['Basic', format],
    ['Basic !!!', format],
    ['Basic a b', format],
    [encoded('no colon'), format],
    [encoded(':'), 'client_secret must be provided in the Authorization header'],
    [encoded('%zz:%zz'), 'URI malformed'],
    [encoded('a\0b:c'), 'invalid character found'],
    ['Bearer token', format],
    ['Digest username="x"', format],
  ])('answers malformed credentials %j with 400 (RFC 7617 section 2)', async (authorization, reason) => {
    const observed = await redeem(open, { client_id: undefined }, { authorization });

    expectRefused(observed, 400, 'invalid_request', `invalid_request: ${reason}`);
  });

  it('does not read credentials from the query (RFC 6749 section 2.3.1)', async () => {
    const query = new URLSearchParams({ client_id: withPost.clientId, client_secret: String(withPost.clientSecret) });

    const observed = await gateway.observe(() =>
      postForm(`${endpoint}?${query}`, { grant_type: 'refresh_token', refresh_token: 'x' }),
    );

    expectRefused(observed, 400, 'invalid_request', 'invalid_request: no client authentication mechanism provided');
  });

  it('answers a client assertion that is no token with 400 (RFC 7523 section 3)', async () => {
    const { answer, writes } = await redeem(open, {
      client_assertion: 'x.y.z',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });

    expect(answer).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect(writes).toEqual([]);
  });
});

describe('bodies', () => {
  it.each<[string, () => Promise<Answer>]>([
    ['JSON', () => postJson(endpoint, { grant_type: 'authorization_code', client_id: open.clientId })],
    ['no media type', () => send(endpoint, { body: 'grant_type=authorization_code' })],
    ['a multipart form', () => send(endpoint, { headers: { 'content-type': 'multipart/form-data' }, body: '--' })],
    [
      'a compressed form',
      () => send(endpoint, { headers: { ...form, 'content-encoding': 'gzip' }, body: gzipSync('a=b') }),
    ],
  ])('refuses %s (RFC 6749 section 3.2)', async (_what, work) => {
    expectRefused(await gateway.observe(work), 400, 'invalid_request', 'request body: wrong_type');
  });

  it('refuses more than 32 KiB with 413 (CWE-400)', async () => {
    const observed = await gateway.observe(() => open.redeem('x'.repeat(32_768)));

    expectRefused(observed, 413, 'invalid_request', 'request body: too_large');
  });

  it.each([
    ['empty', ''],
    ['with broken escapes', '%%%&&&==='],
    ['of separators', '&'.repeat(10_000)],
    ['of bytes that are no UTF-8', '%ff%fe=%00'],
    ['of control characters', '\0\x01'],
  ])('reads a form that is %s as one without parameters', async (_what, body) => {
    const observed = await gateway.observe(() => send(endpoint, { headers: form, body }));

    expectRefused(observed, 400, 'invalid_request', 'invalid_request: no client authentication mechanism provided');
  });

  it.each(['grant_type', 'code', 'client_id', 'redirect_uri', 'code_verifier'])(
    'refuses a repeated %s (RFC 6749 section 3.2)',
    async (name) => {
      const reason = `invalid_request: '${name}' parameter must not be provided twice`;

      expectRefused(await redeem(open, { [name]: ['a', 'a'] }), 400, 'invalid_request', reason);
    },
  );

  it.each(['code', 'client_id', 'redirect_uri', 'resource', 'scope', 'unknown'])(
    'answers NUL in %s with 4xx and stores nothing (CWE-1321)',
    async (name) => {
      const { answer, writes } = await redeem(open, { [name]: 'a\0b' });

      expect([400, 401]).toContain(answer.status);
      expect(answer.json?.error).toMatch(/^invalid_(?:grant|client|target)$/);
      expect(writes).toEqual([]);
    },
  );
});

describe('grant types', () => {
  it.each([
    'password',
    'implicit',
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    '__proto__',
    'constructor',
  ])('refuses %s (RFC 9700 section 2.4)', async (grantType) => {
    const reason = 'unsupported_grant_type: unsupported grant_type requested';

    expectRefused(await redeem(open, { grant_type: grantType }), 400, 'unsupported_grant_type', reason);
  });

  it('refuses client_credentials also of a confidential client that registered itself (RFC 9700 section 2.4)', async () => {
    const greedy = await createOAuthClient(gateway.url, {
      ...web,
      grant_types: ['authorization_code', 'client_credentials'],
      token_endpoint_auth_method: 'client_secret_post',
    });

    const observed = await gateway.observe(() => greedy.redeem('', { grant_type: 'client_credentials' }));

    expectRefused(observed, 400, 'unsupported_grant_type', 'unsupported_grant_type: unsupported grant_type requested');
  });

  it.each([undefined, ''])('refuses a missing grant_type (%j)', async (grantType) => {
    const reason = "invalid_request: missing required parameter 'grant_type'";

    expectRefused(await redeem(open, { grant_type: grantType }), 400, 'invalid_request', reason);
  });
});

describe('methods, CORS and Host', () => {
  it.each(['GET', 'PUT', 'DELETE'])('answers %s with 405 (RFC 6749 section 3.2)', async (method) => {
    const observed = await gateway.observe(() => send(endpoint, { method }));

    expectRefused(observed, 405, 'invalid_request', `method ${method}`);
    expect(observed.answer.headers.get('allow')).toBe('POST, OPTIONS');
  });

  it('lets any page read the answer, never with credentials (Fetch, CORS protocol)', async () => {
    const { answer } = await redeem(open, {}, { origin: 'https://app.example' });

    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('answers a preflight and does nothing', async () => {
    const { answer, events, writes } = await gateway.observe(() =>
      send(endpoint, {
        method: 'OPTIONS',
        headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
      }),
    );

    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-methods')).toBe('POST');
    expect(answer.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect([events, writes]).toEqual([[], []]);
  });

  it('answers another Host with 421 as JSON', async () => {
    const { answer, writes } = await gateway.observe(() =>
      postForm(endpoint, { client_id: open.clientId }, { host: 'evil.example' }),
    );

    expect(answer).toMatchObject({ status: 421, json: { error: 'invalid_request' } });
    expect(answer.text + JSON.stringify([...answer.headers])).not.toContain('evil');
    expect(writes).toEqual([]);
  });
});
