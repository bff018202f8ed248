import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser, type Page } from '../helpers/browser.ts';
import { createListeners } from '../helpers/listeners.ts';
import {
  callbackOf,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let native: OAuthClient;
let web: OAuthClient;
beforeAll(async () => {
  gateway = await startObservedGateway();
  native = await createOAuthClient(gateway.url);
  web = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
});
/** Closed at the end, whatever failed. */
const others: { close(): Promise<unknown> }[] = [];
afterAll(() => Promise.all([gateway, ...others].map((open) => open.close())));

/** A browser without a session asks; redirects that leave the gateway are not followed. */
const ask = (client: OAuthClient, overrides: Parameters) =>
  gateway.observe(() =>
    createBrowser().get(client.authorizeUrl(overrides), { stopAt: (url) => !url.startsWith(gateway.url) }),
  );

/** An error at the client's redirect URI with `iss` and `state` (RFC 9207 section 2), nothing stored. */
function expectErrorAtClient({ answer, events, writes }: Observed<Page>, error: string, reason = error): void {
  const { error_description, ...callback } = callbackOf(answer);
  expect({ status: answer.status, to: answer.location?.split('?')[0], callback, events, writes }).toEqual({
    status: 303,
    to: native.redirectUri,
    callback: { error, state: 'the state', iss: gateway.url },
    events: [`authorization.refused: ${reason}`],
    writes: [],
  });
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
}

describe('what is asked', () => {
  it.each(['scope', 'response_type', 'code_challenge', 'code_challenge_method', 'prompt'])(
    'refuses a repeated %s (RFC 6749 section 3.1)',
    async (name) => {
      const reason = `invalid_request: '${name}' parameter must not be provided twice`;

      expectErrorAtClient(await ask(native, { [name]: ['x', 'y'] }), 'invalid_request', reason);
    },
  );

  it('refuses a repeated state, and reflects neither', async () => {
    const { answer, writes } = await ask(native, { state: ['first', 'second'] });

    expect(callbackOf(answer)).toMatchObject({ error: 'invalid_request', iss: gateway.url });
    expect(answer.location).not.toMatch(/first|second/);
    expect(writes).toEqual([]);
  });

  it.each<[string, Parameters, string]>([
    [
      'no challenge',
      { code_challenge: undefined, code_challenge_method: undefined },
      'Authorization Server policy requires PKCE to be used for this request',
    ],
    [
      'a method without challenge',
      { code_challenge: undefined },
      'code_challenge must be provided with code_challenge_method',
    ],
    [
      'no method, which is not read as plain',
      { code_challenge_method: undefined },
      'code_challenge_method must be provided',
    ],
    ['plain', { code_challenge_method: 'plain' }, 'not supported value of code_challenge_method'],
    ['a method in another case', { code_challenge_method: 's256' }, 'not supported value of code_challenge_method'],
    [
      'a short challenge',
      { code_challenge: 'abc' },
      'code_challenge must be a string with a minimum length of 43 characters',
    ],
    ['a malformed challenge', { code_challenge: '!'.repeat(43) }, 'code_challenge contains invalid characters'],
  ])('refuses PKCE with %s (OAuth 2.1 section 4.1.2.1, RFC 9700 section 2.1.1)', async (_what, overrides, reason) => {
    expectErrorAtClient(await ask(native, overrides), 'invalid_request', `invalid_request: ${reason}`);
  });

  it.each(['token', 'id_token', 'code token', 'code id_token'])(
    'refuses response_type %s (RFC 9700 section 2.1.2)',
    async (responseType) => {
      const { answer, events, writes } = await ask(native, { response_type: responseType });

      // The error goes where that response type would go: into the fragment.
      const callback = Object.fromEntries(new URLSearchParams(new URL(answer.location ?? '').hash.slice(1)));
      expect(callback).toMatchObject({ error: 'unsupported_response_type', state: 'the state', iss: gateway.url });
      expect(events).toEqual(['authorization.refused: unsupported_response_type: unsupported response_type requested']);
      expect(writes).toEqual([]);
    },
  );

  it.each<[string, string | readonly string[], string]>([
    ['of another server', 'https://other.example/mcp', 'resource is not served here'],
    ['of an undeclared path', '/other', 'resource is not served here'],
    ['below a declared path', '/mcp/sub', 'resource is not served here'],
    ['of another port of this host', 'http://127.0.0.1:1/mcp', 'resource is not served here'],
    ['with this server as its user', 'http://127.0.0.1@other.example/mcp', 'resource is not served here'],
    ['with a fragment', '/mcp#x', 'resource indicator must not contain a fragment component'],
    ['that is no absolute URI', 'mcp', 'resource indicator must be an absolute URI'],
    ['twice', ['/mcp', '/other'], 'only one resource may be requested'],
  ])('refuses a resource %s as invalid_target (RFC 8707 section 2)', async (_what, resource, reason) => {
    const absolute = [resource].flat().map((item) => (item.startsWith('/') ? gateway.url + item : item));

    expectErrorAtClient(await ask(native, { resource: absolute }), 'invalid_target', `invalid_target: ${reason}`);
  });

  it('answers prompt=none without a session with login_required, and no page (OpenID Connect Core section 3.1.2.6)', async () => {
    const reason = 'login_required: End-User authentication is required';

    expectErrorAtClient(await ask(native, { prompt: 'none' }), 'login_required', reason);
  });

  it('takes a session cookie that was tampered with for none (CWE-565)', async () => {
    const browser = createBrowser();
    await web.login(browser);
    const tampered = browser.cookies(gateway.url).map(({ name, value }) => `${name}=${value.replace(/^./, '_')}`);

    const { answer, events, writes } = await gateway.observe(() =>
      send(native.authorizeUrl({ prompt: 'none' }), { headers: { cookie: tampered.join('; ') } }),
    );

    expect(answer.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:1\/callback\?error=login_required&/);
    expect(events).toEqual(['authorization.refused: login_required: End-User authentication is required']);
    expect(writes).toEqual([]);
  });

  it.each([
    ['request_uri', 'request_uri_not_supported'],
    ['request', 'request_not_supported'],
    ['registration', 'registration_not_supported'],
  ])('refuses %s and fetches nothing (RFC 9101 section 10.4)', async (name, error) => {
    const listeners = createListeners();
    others.push(listeners);
    const { port, connections } = await listeners.http();

    const observed = await ask(native, { [name]: `http://127.0.0.1:${port}/object` });

    expectErrorAtClient(observed, error);
    expect(connections).toEqual([]);
  });
});

describe('how it is asked', () => {
  it('answers a query over 16 KiB with 414, on a server that reads such heads (CWE-400)', async () => {
    const roomy = createServer({ maxHeaderSize: 65_536 }, gateway.app);
    await new Promise<void>((resolve) => roomy.listen(0, '127.0.0.1', resolve));
    others.push({ close: async () => roomy.close() });
    const { port } = roomy.address() as AddressInfo;
    const target = native.authorizeUrl({ state: 'x'.repeat(16_384) }).slice(gateway.url.length);

    const { answer, events, writes } = await gateway.observe(() =>
      send(`http://127.0.0.1:${port}`, { target, headers: { host: new URL(gateway.url).host } }),
    );

    expect(answer).toMatchObject({ status: 414, json: { error: 'invalid_request' } });
    expect(answer.headers.get('location')).toBeNull();
    expect([events, writes]).toEqual([['authorization.refused: query is too long'], []]);
  });

  it('answers POST with 405 and no code (RFC 6749 section 3.1)', async () => {
    const { answer, events, writes } = await gateway.observe(() =>
      postForm(`${gateway.url}/oauth/authorize`, { client_id: native.clientId }),
    );

    expect(answer).toMatchObject({ status: 405, json: { error: 'invalid_request' } });
    expect(answer.headers.get('allow')).toBe('GET');
    expect([events, writes]).toEqual([['authorization.refused: method POST'], []]);
  });

  it('gives HEAD no code, also with a session (RFC 9700 section 4.12)', async () => {
    const browser = createBrowser();
    await web.login(browser);
    const cookie = browser.cookies(gateway.url).map(({ name, value }) => `${name}=${value}`);

    const { answer, events, writes } = await gateway.observe(() =>
      send(web.authorizeUrl(), { method: 'HEAD', headers: { cookie: cookie.join('; ') } }),
    );

    expect([answer.status, answer.headers.get('location')]).toEqual([405, null]);
    expect([events, writes]).toEqual([['authorization.refused: method HEAD'], []]);
  });

  it.each(['OPTIONS', 'GET'])(
    'lets no page of another origin read the answer to %s (RFC 9700 section 2.6)',
    async (method) => {
      const { headers } = await send(native.authorizeUrl(), { method, headers: { origin: 'https://evil.example' } });

      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    },
  );

  it('answers another Host with 421 and reflects nothing of it (RFC 9700 section 4.4)', async () => {
    const { answer, events, writes } = await gateway.observe(() =>
      send(native.authorizeUrl(), { headers: { host: 'evil.example' } }),
    );

    expect(answer.status).toBe(421);
    expect(JSON.stringify([...answer.headers]) + answer.text).not.toContain('evil');
    expect([events, writes]).toEqual([['authorization.refused: host is not served'], []]);
  });
});
