import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  type ClientMetadata,
  ConfigurationError,
  type McpOAuthOptions,
  mcpOAuth,
  memoryStorage,
} from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Answer, basic, createOAuthClient, register, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { createDocumentClient, redirectUri } from './document-client.ts';
import { type DocumentHost, startDocumentHost } from './document-host.ts';

let gateway: ObservedGateway;
let host: DocumentHost;
let keysUrl: string;
let publicKey: JWK;
let privateKey: CryptoKey;
beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  privateKey = pair.privateKey;
  publicKey = { ...(await exportJWK(pair.publicKey)), kid: 'key' };
  host = await startDocumentHost(['keys.example']);
  keysUrl = host.at('https://keys.example/keys.json');
  host.serve(keysUrl, { keys: [publicKey] });
});
afterAll(() => host.close());
afterEach(() => gateway.close());

async function start(options: Partial<McpOAuthOptions>): Promise<void> {
  gateway = await startObservedGateway({ options: () => ({ outbound: host.outbound, ...options }) });
}

const secret = 'a secret that the operator made';
const outcome = ({ status, json }: Answer) => [status, json?.error];
const ask = (clientId: string, overrides = {}) =>
  gateway.observe(() => createDocumentClient(gateway.url, clientId).ask(overrides));

/** What a request proves its client with: parameters and headers. */
type Credentials = [parameters?: Record<string, string>, headers?: Record<string, string>];

async function assertion(clientId: string): Promise<Credentials> {
  const jwt = new SignJWT({ jti: crypto.randomUUID() }).setProtectedHeader({ alg: 'ES256', kid: 'key' });
  jwt.setIssuer(clientId).setSubject(clientId).setAudience(gateway.url).setIssuedAt().setExpirationTime('60s');
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return [{ client_assertion_type, client_assertion: await jwt.sign(privateKey) }];
}

describe('a client of the option clients', () => {
  const id = 'configured';
  const configured = (given: Partial<ClientMetadata>): ClientMetadata => ({
    client_id: id,
    redirect_uris: [redirectUri],
    ...given,
    ...(given.token_endpoint_auth_method === 'private_key_jwt' && { jwks_uri: keysUrl }),
  });
  const kinds: [string, Partial<ClientMetadata>, () => Credentials | Promise<Credentials>][] = [
    ['nothing: it is public', {}, () => []],
    ['a secret in the header, by default', { client_secret: secret }, () => [{}, basic(id, secret)]],
    [
      'a secret in the body',
      { client_secret: secret, token_endpoint_auth_method: 'client_secret_post' },
      () => [{ client_secret: secret }],
    ],
    ['a key', { token_endpoint_auth_method: 'private_key_jwt' }, () => assertion(id)],
  ];

  it.each(kinds)('comes to tokens and refreshes them with %s (RFC 6749 section 2.3)', async (_what, given, prove) => {
    await start({ clients: [configured(given)] });
    const client = createDocumentClient(gateway.url, id);

    const tokens = await client.redeem(await client.login(), ...(await prove()));
    const refreshed = await client.refresh(tokens.json?.refresh_token, ...(await prove()));

    expect([tokens.status, refreshed.status]).toEqual([200, 200]);
    const headers = { authorization: `Bearer ${refreshed.json?.access_token}` };
    expect((await send(`${gateway.url}/mcp`, { headers })).status).toBe(200);
  });

  it.each(kinds.slice(1))('gets nothing without it: %s (RFC 6749 section 3.2.1)', async (_what, given) => {
    await start({ clients: [configured(given)] });
    const client = createDocumentClient(gateway.url, id);
    const code = await client.login();

    for (const credentials of [[], [{ client_secret: 'wrong' }], [{}, basic(id, 'wrong')]] as Credentials[])
      expect(outcome(await client.redeem(code, ...credentials))).toEqual([401, 'invalid_client']);
  });

  it('keeps to its redirect URIs, and is not in the store', async () => {
    await start({ clients: [{ client_id: id, client_name: 'Configured', redirect_uris: [redirectUri] }] });

    expect((await ask(id)).answer.text).toContain('Allow Configured to use');
    expect((await ask(id, { redirect_uri: 'https://client.example/other' })).answer.text).toMatch(
      /The application asked for an unregistered address /,
    );
    expect(gateway.written('Client')).toBe('');
  });

  it('is not asked of loadClient', async () => {
    const loadClient = jest.fn(async () => undefined);
    await start({ clients: [{ client_id: id, redirect_uris: [redirectUri] }], loadClient });

    expect((await ask(id)).answer.status).toBe(200);
    expect(loadClient).not.toHaveBeenCalled();
  });
});

it('lists everything that is wrong with the clients at start, in one error, without a secret in it', async () => {
  await start({});
  const uris = { redirect_uris: [redirectUri] };
  const clients = [
    { client_id: 'good', ...uris },
    { ...uris },
    { client_id: 'good', ...uris },
    { client_id: 'https://client.example/client.json', ...uris },
    { client_id: 'no-uris' },
    { client_id: 'http', redirect_uris: ['http://client.example/'] },
    { client_id: 'no-secret', token_endpoint_auth_method: 'client_secret_post', ...uris },
    { client_id: 'short', client_secret: 'hunter2', ...uris },
    { client_id: 'typo', redirect_uri: redirectUri, ...uris },
    { client_id: 'method', token_endpoint_auth_method: 'tls_client_auth', ...uris },
    { client_id: 'no-keys', token_endpoint_auth_method: 'private_key_jwt', ...uris },
    { client_id: 'symmetric', jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] }, ...uris },
    { client_id: 'private', jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'AA', d: 'AA' }] }, ...uris },
    { client_id: 'both', jwks: { keys: [publicKey] }, jwks_uri: 'https://client.example/keys', ...uris },
    { client_id: 'logo', logo_uri: 'javascript:alert(1)', ...uris },
  ] as unknown as ClientMetadata[];
  let thrown: unknown;
  try {
    mcpOAuth({
      issuer: gateway.url,
      browserLogin: { url: `${gateway.url}/oauth/dev-login` },
      storage: memoryStorage(),
      clients,
    });
  } catch (error) {
    thrown = error;
  }

  expect(thrown).toBeInstanceOf(ConfigurationError);
  const { problems, message } = thrown as ConfigurationError;
  expect(problems.map(({ option }) => option).sort()).toEqual([
    'clients[10].jwks',
    'clients[11].jwks',
    'clients[12].jwks',
    'clients[13].jwks_uri',
    'clients[14].logo_uri',
    'clients[1].client_id',
    'clients[2].client_id',
    'clients[3].client_id',
    'clients[4].redirect_uris',
    'clients[5].redirect_uris',
    'clients[6].client_secret',
    'clients[7].client_secret',
    'clients[8].redirect_uri',
    'clients[9].token_endpoint_auth_method',
  ]);
  expect(message).not.toMatch(/hunter2|AAAA/);
});

describe('loadClient', () => {
  const found = (clientId: string): ClientMetadata => ({
    client_id: clientId,
    client_name: 'From the app',
    redirect_uris: [redirectUri],
  });

  it('finds the app’s own clients, up to a refresh, and is asked once for a while', async () => {
    const loadClient = jest.fn(async (clientId: string) => found(clientId));
    await start({ loadClient });
    const client = createDocumentClient(gateway.url, 'from-the-app');

    const tokens = await client.redeem(await client.login());
    const refreshed = await client.refresh(tokens.json?.refresh_token);

    expect([tokens.status, refreshed.status]).toEqual([200, 200]);
    expect(loadClient.mock.calls).toEqual([['from-the-app']]);
  });

  it('makes a client unknown by answering undefined: page and 401 (RFC 6749 section 5.2)', async () => {
    await start({ loadClient: async () => undefined });
    const { answer } = await ask('nobody');

    expect([answer.status, answer.location]).toEqual([400, undefined]);
    expect(answer.text).toMatch(/This application is not known here /);
    expect(outcome(await createDocumentClient(gateway.url, 'nobody').redeem('code'))).toEqual([401, 'invalid_client']);
  });

  it.each<[string, () => Promise<ClientMetadata | undefined>, string]>([
    ['rejects', () => Promise.reject(new Error('the database is down')), 'loadClient: the database is down'],
    ['gives another client', async () => found('another'), 'loadClient: the metadata is of another client'],
  ])('that %s makes nobody unknown: 503, never invalid_client (field problem 2)', async (_what, loadClient, reason) => {
    await start({ loadClient });
    const { answer, events } = await ask('from-the-app');
    const token = await createDocumentClient(gateway.url, 'from-the-app').redeem('code');

    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(answer.text).toMatch(/Not available right now .* Error: temporarily_unavailable\./);
    expect(events).toContain(`server.error: ${reason}`);
    expect(outcome(token)).toEqual([503, 'temporarily_unavailable']);
    expect(`${answer.text}${token.text}`).not.toMatch(/database|another client/);
  });

  it('that does not answer is given up after 5 seconds: 503 (field problem 26)', async () => {
    let reached = () => {};
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    await start({
      loadClient() {
        reached();
        return new Promise(() => {});
      },
    });
    const all = ['Date', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'] as const;
    jest.useFakeTimers({ doNotFake: [...all, 'nextTick', 'queueMicrotask', 'performance', 'hrtime'] });
    const pending = createDocumentClient(gateway.url, 'from-the-app').redeem('code');
    await asked;
    jest.advanceTimersByTime(5000);
    jest.useRealTimers();

    expect(outcome(await pending)).toEqual([503, 'temporarily_unavailable']);
  });

  it('is asked again after a failure, which is not remembered', async () => {
    let isDown = true;
    await start({ loadClient: async (id) => (isDown ? Promise.reject(new Error('down')) : found(id)) });
    expect((await ask('from-the-app')).answer.status).toBe(503);
    isDown = false;

    expect((await ask('from-the-app')).answer.status).toBe(200);
  });

  it('is never asked for a URL, so that it cannot take over a metadata document’s client (MCP 2026-07-28, Client ID Metadata Documents)', async () => {
    const loadClient = jest.fn(async (clientId: string) => found(clientId));
    await start({ loadClient, gateway: { cimdEnabled: false } });

    expect((await ask('https://client.example/client.json')).answer.status).toBe(400);
    expect(loadClient).not.toHaveBeenCalled();
  });

  it('comes after registered clients, which it cannot replace', async () => {
    const loadClient = jest.fn(async (clientId: string) => found(clientId));
    await start({ loadClient });
    const registered = await createOAuthClient(gateway.url, { client_name: 'Registered' });

    const page = await createBrowser().get(registered.authorizeUrl());

    expect(page.text).toContain('Allow Registered to use');
    expect(loadClient).not.toHaveBeenCalled();
  });
});

it('registration.enabled: false takes the endpoint away and leaves the other sources', async () => {
  await start({
    registration: { enabled: false },
    clients: [{ client_id: 'configured', redirect_uris: [redirectUri] }],
  });
  const metadata = await send(`${gateway.url}/.well-known/oauth-authorization-server`);

  expect(metadata.json).not.toHaveProperty('registration_endpoint');
  const { answer, writes } = await gateway.observe(() => register(gateway.url, { redirect_uris: [redirectUri] }));
  expect([answer.status, writes]).toEqual([404, []]);
  expect((await ask('configured')).answer.status).toBe(200);
});
