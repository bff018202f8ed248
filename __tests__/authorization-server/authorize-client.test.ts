import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser, type Page } from '../helpers/browser.ts';
import { createOAuthClient, type OAuthClient, type Parameters } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let native: OAuthClient;
let web: OAuthClient;
beforeAll(async () => {
  gateway = await startObservedGateway();
  native = await createOAuthClient(gateway.url);
  web = await createOAuthClient(gateway.url, { redirect_uris: ['https://client.example/callback'] });
});
afterAll(() => gateway.close());

/** A browser without a session asks; redirects that leave the gateway are not followed. */
const ask = (client: OAuthClient, overrides: Parameters) =>
  gateway.observe(() =>
    createBrowser().get(client.authorizeUrl(overrides), { stopAt: (url) => !url.startsWith(gateway.url) }),
  );

/** A page for the person, no redirect, nothing stored. */
function expectPage({ answer, events, writes }: Observed<Page>, code: string, reason: string): void {
  expect({ status: answer.status, location: answer.location, redirects: answer.redirects, events, writes }).toEqual({
    status: 400,
    location: undefined,
    redirects: [],
    events: [`authorization.refused: ${reason}`],
    writes: [],
  });
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(answer.text).toContain(`Error: ${code}.`);
}

describe('who asks', () => {
  it('answers an unknown client with a page that says what to do, and no redirect (RFC 6749 section 4.1.2.1)', async () => {
    const observed = await ask(native, { client_id: 'unknown' });

    expectPage(observed, 'invalid_client', 'invalid_client: client not found');
    expect(observed.answer.text).toMatch(/remove this server .* and add it again/);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'knows no client called %s (CWE-1321)',
    async (clientId) => {
      expectPage(await ask(native, { client_id: clientId }), 'invalid_client', 'invalid_client: client not found');
    },
  );

  it('answers a missing client_id with a page', async () => {
    const reason = "invalid_request: missing required parameter 'client_id'";

    expectPage(await ask(native, { client_id: undefined }), 'invalid_request', reason);
  });

  it.each(['client_id', 'redirect_uri'])('answers a repeated %s with a page (RFC 6749 section 3.1)', async (name) => {
    const value = name === 'client_id' ? native.clientId : native.redirectUri;

    const observed = await ask(native, { [name]: [value, value] });

    expectPage(observed, 'invalid_request', `invalid_request: '${name}' parameter must not be provided twice`);
  });

  it('answers a missing redirect_uri with a page, also where one is registered (OAuth 2.1 section 4.1.1)', async () => {
    const reason = "invalid_request: missing required parameter 'redirect_uri'";

    expectPage(await ask(native, { redirect_uri: undefined }), 'invalid_request', reason);
  });

  it('ignores the bracket spelling of parameters (CWE-1321)', async () => {
    const { answer } = await ask(web, { 'redirect_uri[]': 'https://evil.example/', 'redirect_uri[0]': 'x' });

    expect(answer.status).toBe(200);
    expect(answer.text).toContain('Sends you back to client.example');
  });
});

describe('where the answer goes', () => {
  const mismatch = "invalid_redirect_uri: redirect_uri did not match any of the client's registered redirect_uris";

  it.each([
    ['host in another case', 'https://Client.example/callback'],
    ['scheme in another case', 'HTTPS://client.example/callback'],
    ['another scheme', 'http://client.example/callback'],
    ['trailing slash', 'https://client.example/callback/'],
    ['explicit default port', 'https://client.example:443/callback'],
    ['another port', 'https://client.example:8443/callback'],
    ['userinfo', 'https://client.example@evil.example/callback'],
    ['a dot segment', 'https://client.example/./callback'],
    ['two dot segments', 'https://client.example/x/../callback'],
    ['a percent-encoded letter', 'https://client.example/%63allback'],
    ['a percent-encoded slash', 'https://client.example%2fcallback'],
    ['a query', 'https://client.example/callback?next=https://evil.example/'],
    ['an empty query', 'https://client.example/callback?'],
    ['a fragment', 'https://client.example/callback#x'],
    ['a trailing dot of the host', 'https://client.example./callback'],
    ['a subdomain', 'https://evil.client.example/callback'],
    ['a longer host', 'https://client.example.evil.example/callback'],
    ['a backslash', 'https://client.example\\@evil.example/callback'],
    ['a space at the end', 'https://client.example/callback '],
    ['a line break', 'https://client.example/callback\r\nx: y'],
    ['a Unicode dot', 'https://client。example/callback'],
    ['a script', 'javascript:alert(1)'],
  ])(
    'refuses an https redirect URI with %s: page, no redirect (RFC 9700 section 4.1.3)',
    async (_what, redirectUri) => {
      expectPage(await ask(web, { redirect_uri: redirectUri }), 'invalid_redirect_uri', mismatch);
    },
  );

  it.each(['http://127.0.0.1:1/callback', 'http://127.0.0.1:65535/callback', 'http://127.0.0.1/callback'])(
    'accepts any port on loopback: %s (RFC 8252 section 7.3)',
    async (redirectUri) => {
      const { answer, events } = await ask(native, { redirect_uri: redirectUri });

      expect(answer.status).toBe(200);
      expect(answer.text).toContain(`Sends you back to ${new URL(redirectUri).host}`);
      expect(events).toEqual([]);
    },
  );

  it.each([
    ['path', 'http://127.0.0.1:1/other'],
    ['query', 'http://127.0.0.1:1/callback?x'],
    ['scheme', 'https://127.0.0.1:1/callback'],
    ['name of the host', 'http://localhost:1/callback'],
    ['address family', 'http://[::1]:1/callback'],
    ['loopback address', 'http://127.0.0.2:1/callback'],
    ['spelling of the address', 'http://127.1:1/callback'],
    ['userinfo', 'http://user@127.0.0.1:1/callback'],
  ])(
    'frees nothing but the port on loopback: another %s is refused (RFC 8252 section 7.3)',
    async (_what, redirectUri) => {
      expectPage(await ask(native, { redirect_uri: redirectUri }), 'invalid_redirect_uri', mismatch);
    },
  );
});
