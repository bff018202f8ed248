import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type McpOAuthOptions, memoryStorage, type Storage } from '../../lib/index.ts';
import { record } from '../faults/rounds.ts';
import { moveClock } from '../federation/clock.ts';
import type { Page } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createDocumentClient, redirectUri, soundDocument } from './document-client.ts';
import { type DocumentHost, sendBody, startDocumentHost } from './document-host.ts';

let host: DocumentHost;
let clientId: string;
let storage: Storage;
const open: Gateway[] = [];
let count = 0;
beforeAll(async () => {
  host = await startDocumentHost(['client.example']);
});
afterAll(() => host.close());
beforeEach(() => {
  storage = memoryStorage();
  host.requests.length = 0;
  clientId = host.at(`https://client.example/client-${++count}.json`);
  publish();
});
afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

const otherRedirectUri = 'https://client.example/other';
const bothRedirectUris = [redirectUri, otherRedirectUri];

function publish(changes: Record<string, unknown> = {}, cacheControl?: string): void {
  const document = soundDocument(clientId, { redirect_uris: bothRedirectUris, ...changes });
  host.serve(clientId, document, cacheControl === undefined ? {} : { 'cache-control': cacheControl });
}

const fail = (answer: RequestListener = (_request, response) => void response.writeHead(500).end()) =>
  host.serve(clientId, answer);

/** A gateway on the test's store: a process of its own, as far as documents go. */
async function start(cimd: McpOAuthOptions['cimd'] = {}): Promise<Gateway> {
  const gateway = await startGateway({
    options: () => ({ outbound: host.outbound, storage, cimd }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true })),
  });
  open.push(gateway);
  return gateway;
}

const ask = (gateway: Gateway, overrides = {}): Promise<Page> =>
  createDocumentClient(gateway.url, clientId).ask(overrides);

/** Approves the client with its first redirect URI. */
const approve = (gateway: Gateway) => createDocumentClient(gateway.url, clientId).login();

describe('a fresh document', () => {
  it('is fetched once for all requests, and not by a second gateway on the same store (field problem 21)', async () => {
    const [first, second] = [await start(), await start()];
    publish({}, 'max-age=600');

    for (const gateway of [first, first, second, second]) expect((await ask(gateway)).status).toBe(200);

    expect(host.requests).toHaveLength(1);
  });

  it.each([
    ['as long as its host says', 'max-age=600', 599, 602],
    ['a minute where its host says nothing', undefined, 59, 62],
    ['a minute where its host says no-store, as VS Code’s does', 'no-store', 59, 62],
    ['a minute where its host says less', 'max-age=0', 59, 62],
    ['a day where its host says more', 'max-age=99999999', 86_399, 86_402],
  ])('is kept %s (RFC 9111 section 4.2, within bounds)', async (_what, cacheControl, fresh, stale) => {
    const gateway = await start();
    publish({}, cacheControl);
    moveClock(0);
    await ask(gateway);

    moveClock(fresh);
    await ask(gateway);
    expect(host.requests).toHaveLength(1);
    moveClock(stale - fresh);
    await ask(gateway);
    expect(host.requests).toHaveLength(2);
  });

  it('gives way to what its host publishes then: a redirect URI that was taken back is refused', async () => {
    const gateway = await start();
    expect((await ask(gateway, { redirect_uri: otherRedirectUri })).status).toBe(200);

    publish({ redirect_uris: [redirectUri] });
    moveClock(62);

    expect((await ask(gateway, { redirect_uri: otherRedirectUri })).text).toMatch(
      /The application asked for an unregistered address /,
    );
    expect((await ask(gateway)).status).toBe(200);
  });
});

describe('an error', () => {
  let mended = 0;
  afterAll(() => record('F-38', 'cimd', `${mended} kinds of failure: a 400 page, and the very next try works`));

  it.each<[string, () => void]>([
    ['an outage', () => fail()],
    ['404', () => fail((_request, response) => void response.writeHead(404).end())],
    [
      'a page of a bot check',
      () => fail((_request, response) => sendBody(response, '<!doctype html>', { 'content-type': 'text/html' })),
    ],
    ['no JSON', () => fail((_request, response) => sendBody(response, 'no'))],
    ['another client id', () => publish({ client_id: 'https://client.example/x' }, 'max-age=600')],
    ['no name', () => publish({ client_name: undefined }, 'max-age=600')],
    ['a forbidden redirect URI', () => publish({ redirect_uris: ['http://client.example/'] }, 'max-age=600')],
    ['a secret', () => publish({ client_secret: 'x' }, 'max-age=600')],
  ])(
    'is not kept: after %s the next request gets the mended document (CIMD draft, Metadata Caching)',
    async (_what, breakIt) => {
      const gateway = await start();
      breakIt();
      expect((await ask(gateway)).status).toBe(400);
      publish();

      expect((await ask(gateway)).status).toBe(200);

      expect(host.requests).toHaveLength(2);
      mended += 1;
    },
  );
});

describe('while its host fails, the last good copy', () => {
  const outage = 'cannot be used: status 500';

  it('stands in for a client that somebody approved, with that redirect URI, up to tokens (RFC 5861 section 4)', async () => {
    const gateway = await start();
    await approve(gateway);
    fail();
    moveClock(62);

    const client = createDocumentClient(gateway.url, clientId);
    const tokens = await client.redeem(await client.login());

    expect(tokens.status).toBe(200);
    expect((await client.refresh(tokens.json?.refresh_token)).status).toBe(200);
    expect(gateway.events).toContainEqual(
      expect.objectContaining({ type: 'cimd.refused', reason: 'metadata document: status 500' }),
    );
    record('F-37', 'cimd', 'an approved client signs in and refreshes from the last good copy; others get a 400 page');
  });

  it('stands in on a second gateway, too', async () => {
    await approve(await start());
    fail();
    moveClock(62);

    expect((await ask(await start())).status).toBe(200);
  });

  it('speaks for no redirect URI that nobody approved, before and after the approved one is used', async () => {
    const gateway = await start();
    await approve(gateway);
    fail();
    moveClock(62);
    const statuses: number[] = [];
    for (const redirect_uri of [otherRedirectUri, redirectUri, otherRedirectUri])
      statuses.push((await ask(gateway, { redirect_uri })).status);

    expect(statuses).toEqual([400, 200, 400]);
  });

  it('speaks for nobody where nobody approved the client, whoever looked at the page', async () => {
    const gateway = await start();
    expect((await ask(gateway)).status).toBe(200);
    fail();
    moveClock(62);

    expect((await ask(gateway)).text).toContain(outage);
  });

  it('is not replaced by a document that is no good', async () => {
    const gateway = await start();
    await approve(gateway);
    publish({ client_name: undefined });
    moveClock(62);

    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway, { redirect_uri: otherRedirectUri })).text).toContain(
      'cannot be used: client_name is required',
    );
  });

  it('frees the port of an approved loopback redirect URI (RFC 8252 section 7.3)', async () => {
    const gateway = await start();
    publish({ redirect_uris: ['http://127.0.0.1/callback'] });
    await createDocumentClient(gateway.url, clientId).login({ redirect_uri: 'http://127.0.0.1:50001/callback' });
    fail();
    moveClock(62);

    expect((await ask(gateway, { redirect_uri: 'http://127.0.0.1:50002/callback' })).status).toBe(200);
  });

  it('ends after staleIfErrorSeconds', async () => {
    const gateway = await start({ staleIfErrorSeconds: 3600 });
    await approve(gateway);
    fail();
    moveClock(3598);
    expect((await ask(gateway)).status).toBe(200);

    moveClock(62);

    expect((await ask(gateway)).text).toContain(outage);
  });

  it('does not stand in at all with staleIfErrorSeconds: 0', async () => {
    const gateway = await start({ staleIfErrorSeconds: 0 });
    await approve(gateway);
    fail();
    moveClock(62);

    expect((await ask(gateway)).text).toContain(outage);
  });

  it('gives way as soon as the host answers again', async () => {
    const gateway = await start();
    await approve(gateway);
    fail();
    moveClock(62);
    await ask(gateway);
    publish({ client_name: 'Renamed' });

    const texts: string[] = [];
    moveClock(62);
    texts.push((await ask(gateway)).text);

    expect(texts[0]).toContain('Allow Renamed to use');
  });
});
