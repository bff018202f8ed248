import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createListeners, type Listener } from '../helpers/listeners.ts';
import { send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { createDocumentClient, redirectUri, soundDocument } from './document-client.ts';
import { type DocumentHost, sendBody, startDocumentHost } from './document-host.ts';

let host: DocumentHost;
let gateway: ObservedGateway;
beforeAll(async () => {
  host = await startDocumentHost(['client.example']);
});
afterAll(() => host.close());
beforeEach(async () => {
  host.requests.length = 0;
  host.lookups.length = 0;
  gateway = await startObservedGateway({ options: () => ({ outbound: host.outbound }) });
});
afterEach(() => gateway.close());

let count = 0;
/** A client id that no other test has used. */
const newClientId = (name = 'client.example') => host.at(`https://${name}/client-${++count}.json`);

/** Publishes a document and gives its client id. */
function publish(changes: Record<string, unknown> = {}): string {
  const clientId = newClientId();
  host.serve(clientId, soundDocument(clientId, changes));
  return clientId;
}

const ask = (clientId: string) => gateway.observe(() => createDocumentClient(gateway.url, clientId).ask());

/** The page that names what was fetched and why it is no good; nothing is redirected or stored but two counts. */
async function expectRefusal(clientId: string, cause: string): Promise<void> {
  const { answer, events, writes } = await ask(clientId);

  expect({ status: answer.status, location: answer.location, redirects: answer.redirects }).toEqual({
    status: 400,
    location: undefined,
    redirects: [],
  });
  expect(answer.text).toMatch(/The application cannot be verified now /);
  expect(answer.text).toContain(`Its metadata at ${clientId} cannot be used: ${cause}.`);
  expect(answer.text).toContain('Error: invalid_client.');
  expect(events).toEqual([
    `cimd.refused: metadata document: ${cause}`,
    expect.stringMatching(/^authorization\.refused: invalid_client: /),
  ]);
  expect(writes).toEqual(['increment', 'increment']);
}

it('brings a client with nothing but its document to tokens, and refreshes them, on one fetch (MCP 2026-07-28, Client ID Metadata Documents)', async () => {
  const clientId = publish();
  const client = createDocumentClient(gateway.url, clientId);

  const code = await client.login();
  const tokens = await client.redeem(code);
  const refreshed = await client.refresh(tokens.json?.refresh_token);

  expect([tokens.status, refreshed.status]).toEqual([200, 200]);
  const headers = { authorization: `Bearer ${refreshed.json?.access_token}` };
  expect((await send(`${gateway.url}/mcp`, { headers })).json).toEqual({ ok: true });
  expect(host.requests).toHaveLength(1);
});

it('shows the domain that published the document as the only thing verified (MCP 2026-07-28, Consent UI)', async () => {
  const { answer } = await ask(publish({ client_name: 'Trusted Bank' }));

  expect(answer.text).toContain(`Published by client.example:${host.port}.`);
  expect(answer.text).toContain('Sends you back to client.example');
});

const respond =
  (body: string | Buffer, headers?: Record<string, string>): RequestListener =>
  (_request, response) =>
    sendBody(response, body, headers);
const status =
  (code: number, headers = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(code, headers).end();
const sound = (clientId: string) => JSON.stringify(soundDocument(clientId));

describe('a host that does not answer with a document', () => {
  it.each<[string, string, (clientId: string) => RequestListener]>([
    ['redirects', 'status 302', () => status(302, { location: host.at('https://client.example/elsewhere') })],
    ['has none', 'status 404', () => status(404)],
    ['has an outage', 'status 500', () => status(500)],
    ['answers without content', 'status 204', () => status(204)],
    [
      'sends more than 5 KB',
      'too_large',
      (id) => respond(JSON.stringify({ ...JSON.parse(sound(id)), x: 'x'.repeat(5120) })),
    ],
    ['sends HTML', 'content type is not JSON', (id) => respond(sound(id), { 'content-type': 'text/html' })],
    ['sends no JSON', 'body is not JSON', () => respond('<!doctype html>')],
    ['sends an array', 'body is not a JSON object', () => respond('[]')],
    ['compresses', 'encoding_refused', (id) => respond(gzipSync(sound(id)), { 'content-encoding': 'gzip' })],
    ['never answers', 'timed_out', () => () => undefined],
  ])(
    'that %s is asked once, and named with the cause (CIMD draft, Client Information Discovery)',
    async (_what, cause, answer) => {
      const clientId = newClientId();
      host.serve(clientId, answer(clientId));

      await expectRefusal(clientId, cause);

      expect(host.requests).toEqual([clientId.replace(/^https:\/\/([^:]+):\d+/, '$1')]);
    },
  );

  it('is named where its name does not resolve or its certificate is of another', async () => {
    host.addresses.set('impostor.example', ['127.0.0.1']);

    await expectRefusal('https://nowhere.example/client.json', 'dns_failed');
    await expectRefusal(newClientId('impostor.example'), 'tls_failed');
    expect(host.requests).toEqual([]);
  });
});

describe('a document', () => {
  it.each([
    ['another client_id', 'client_id is not its URL', { client_id: 'https://client.example/other.json' }],
    ['no client_id', 'client_id is not its URL', { client_id: undefined }],
    ['no client_name', 'client_name is required in a client metadata document', { client_name: undefined }],
    [
      'a client_name of invisible characters',
      'client_name is required in a client metadata document',
      { client_name: '\u200b ' },
    ],
    ['no redirect_uris', 'redirect_uris is required: an array of at least one URI', { redirect_uris: undefined }],
    [
      'an empty list of redirect_uris',
      'redirect_uris is required: an array of at least one URI',
      { redirect_uris: [] },
    ],
    [
      'an http redirect URI',
      'redirect_uris[1] is not allowed: http_not_loopback',
      { redirect_uris: [redirectUri, 'http://client.example/'] },
    ],
    [
      'a redirect URI with userinfo',
      'redirect_uris[0] is not allowed: userinfo',
      { redirect_uris: ['https://a@client.example/'] },
    ],
    [
      'a script as redirect URI',
      'redirect_uris[0] is not allowed: scheme_refused',
      { redirect_uris: ['javascript:alert(1)'] },
    ],
    [
      'client_secret_basic',
      'token_endpoint_auth_method is neither none nor private_key_jwt',
      { token_endpoint_auth_method: 'client_secret_basic' },
    ],
    [
      'client_secret_post',
      'token_endpoint_auth_method is neither none nor private_key_jwt',
      { token_endpoint_auth_method: 'client_secret_post' },
    ],
    [
      'client_secret_jwt',
      'token_endpoint_auth_method is neither none nor private_key_jwt',
      { token_endpoint_auth_method: 'client_secret_jwt' },
    ],
    ['a client_secret', 'it holds a client_secret', { client_secret: 'known to everybody' }],
    [
      'private_key_jwt without keys',
      'private_key_jwt needs jwks or jwks_uri',
      { token_endpoint_auth_method: 'private_key_jwt' },
    ],
    [
      'keys over http',
      'jwks_uri is not an https URL',
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://client.example/keys' },
    ],
    ['a logo over http', 'logo_uri is not an https URL', { logo_uri: 'http://client.example/logo.png' }],
  ])('with %s is fetched once and refused by name (CIMD draft, Client Metadata)', async (_what, cause, changes) => {
    const clientId = publish(changes);

    await expectRefusal(clientId, cause);

    expect(host.requests).toHaveLength(1);
  });

  it.each([
    ['a query', 'https://client.example/client.json?tenant=1'],
    ['another content type of JSON', 'https://client.example/typed.json'],
  ])('with %s is as good as any', async (_what, url) => {
    const clientId = host.at(url);
    host.serve(clientId, respond(sound(clientId), { 'content-type': 'application/oauth-client+json; charset=utf-8' }));

    expect((await ask(clientId)).answer.status).toBe(200);
  });

  it.each(['https://client.example/', 'https://client.example', `https://client.example/${'x'.repeat(2048)}`])(
    'is not looked for at %.40s (CIMD draft, Client Identifier)',
    async (clientId) => {
      const { answer, events, writes } = await ask(clientId);

      expect([answer.status, writes]).toEqual([400, []]);
      expect(events[0]).toMatch(/^cimd\.refused: metadata document: (no_path|too_long)$/);
      expect([host.requests, host.lookups]).toEqual([[], []]);
    },
  );

  it.each([
    'http://client.example/client.json',
    'https://client.example/../x',
    'https://a@client.example/x',
    'ftp://client.example/x',
  ])('is not looked for at %s, which is an unknown client like any other', async (clientId) => {
    const { answer, writes } = await ask(clientId);

    expect([answer.status, writes]).toEqual([400, []]);
    expect(answer.text).toMatch(/This application is not known here /);
    expect([host.requests, host.lookups]).toEqual([[], []]);
  });
});

describe('an address that must not be reached', () => {
  const listeners = createListeners();
  let canary: Listener;
  beforeAll(async () => {
    canary = await listeners.canary(host.port);
  });
  afterAll(() => listeners.close());

  it.each([
    ['loopback other than the issuer’s own', ['127.0.0.2']],
    ['IPv6 loopback', ['::1']],
    ['private', ['10.0.0.1']],
    ['cloud metadata', ['169.254.169.254']],
    ['IPv4-mapped', ['::ffff:127.0.0.2']],
    ['private beside an allowed one', ['127.0.0.1', '192.168.0.1']],
  ])(
    '%s, by name: refused without a connection (MCP 2026-07-28, Security Best Practices, SSRF)',
    async (_what, addresses) => {
      host.addresses.set('inside.example', addresses);

      await expectRefusal(newClientId('inside.example'), 'address_refused');

      expect([host.lookups, host.requests, canary.connections]).toEqual([['inside.example'], [], []]);
    },
  );

  it.each([
    '127.0.0.2',
    '2130706434',
    '0x7f000002',
    '0177.0.0.2',
    '127.2',
    '[::1]',
    '[::ffff:7f00:2]',
    '169.254.169.254',
  ])('as the literal %s: refused without a connection or a look-up (CWE-918)', async (literal) => {
    await expectRefusal(`https://${literal}:${host.port}/client.json`, 'address_refused');

    expect([host.lookups, host.requests, canary.connections]).toEqual([[], [], []]);
  });

  it('a name that changes its mind between two requests, and within one (CWE-350)', async () => {
    const clientId = publish();
    expect((await ask(clientId)).answer.status).toBe(200);
    host.addresses.set('client.example', ['127.0.0.2']);

    await expectRefusal(newClientId(), 'address_refused');

    host.addresses.set('client.example', ['127.0.0.1']);
    expect(host.lookups).toEqual(['client.example', 'client.example']); // One for each fetch: what was checked is dialled.
    expect(canary.connections).toEqual([]);
  });
});
