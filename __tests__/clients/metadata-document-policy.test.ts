import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { McpOAuthOptions } from '../../lib/index.ts';
import { moveClock } from '../federation/clock.ts';
import { createBrowser } from '../helpers/browser.ts';
import { createOAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { createDocumentClient, redirectUri, soundDocument } from './document-client.ts';
import { type DocumentHost, startDocumentHost } from './document-host.ts';

let host: DocumentHost;
let clientId: string;
let gateway: ObservedGateway;
beforeAll(async () => {
  host = await startDocumentHost(['client.example', 'other.example', 'sub.other.example']);
  clientId = publishAt('client.example');
});
afterAll(() => host.close());
beforeEach(() => {
  host.requests.length = 0;
  host.lookups.length = 0;
});
afterEach(async () => {
  jest.useRealTimers();
  await gateway.close();
});

function publishAt(name: string): string {
  const id = host.at(`https://${name}/client.json`);
  host.serve(id, soundDocument(id));
  return id;
}

async function start(options: Partial<McpOAuthOptions> = {}): Promise<void> {
  gateway = await startObservedGateway({ options: () => ({ outbound: host.outbound, ...options }) });
}

const ask = (id = clientId, overrides = {}) =>
  gateway.observe(() => createDocumentClient(gateway.url, id).ask(overrides));

const metadata = async () => (await send(`${gateway.url}/.well-known/oauth-authorization-server`)).json;

/** Refused by a rule, with nothing looked up, fetched or counted. */
async function expectUntouched(id: string, reason: string): Promise<void> {
  const { answer, events, writes } = await ask(id);

  expect([answer.status, answer.location, writes]).toEqual([400, undefined, []]);
  expect(answer.text).toContain(`Its metadata at ${id} cannot be used: ${reason}.`);
  expect(events[0]).toBe(`cimd.refused: metadata document: ${reason}`);
  expect([host.lookups, host.requests]).toEqual([[], []]);
}

it('advertises documents, next to the public clients that use them (MCP 2026-07-28, Client ID Metadata Documents)', async () => {
  await start();

  const advertised = await metadata();

  expect(advertised?.client_id_metadata_document_supported).toBe(true);
  expect(advertised?.token_endpoint_auth_methods_supported).toEqual(
    expect.arrayContaining(['none', 'private_key_jwt']),
  );
});

it('neither advertises nor fetches with cimdEnabled: false; such a client is unknown, and others register', async () => {
  await start({ gateway: { cimdEnabled: false } });

  const { answer, writes } = await ask();

  expect((await metadata())?.client_id_metadata_document_supported).not.toBe(true);
  expect([answer.status, writes]).toEqual([400, []]);
  expect(answer.text).toMatch(/This application is not known here /);
  expect([host.lookups, host.requests]).toEqual([[], []]);
  const registered = await createOAuthClient(gateway.url);
  expect((await registered.redeem(await registered.login(createBrowser()))).status).toBe(200);
});

describe('hosts', () => {
  it('asks none that is denied, nor any below a denied wildcard', async () => {
    await start({ cimd: { deniedHosts: ['client.example', '*.other.example'] } });

    await expectUntouched(clientId, 'host_denied');
    await expectUntouched(publishAt('sub.other.example'), 'host_denied');
    expect((await ask(publishAt('other.example'))).answer.status).toBe(200);
  });

  it('asks only those that are allowed, and a denial is stronger', async () => {
    const cimd = { allowedHosts: ['client.example', '*.other.example'], deniedHosts: ['sub.other.example'] };
    await start({ cimd });

    expect((await ask()).answer.status).toBe(200);
    host.lookups.length = 0;
    host.requests.length = 0;
    await expectUntouched(publishAt('other.example'), 'host_not_allowed');
    await expectUntouched(publishAt('sub.other.example'), 'host_denied');
  });

  it('an allowed host is still held to the address rules (MCP 2026-07-28, Security Best Practices, SSRF)', async () => {
    host.addresses.set('inside.example', ['10.0.0.1']);
    await start({ cimd: { allowedHosts: ['inside.example'] } });
    const id = 'https://inside.example/client.json';

    expect((await ask(id)).answer.text).toContain(`Its metadata at ${id} cannot be used: address_refused.`);
  });
});

describe('a pinned document', () => {
  const pinnedId = 'https://unreachable.example/client.json';

  it('serves from registration to refresh, and is never fetched (field problem 21)', async () => {
    await start({ cimd: { pinned: { [pinnedId]: soundDocument(pinnedId) } } });
    const client = createDocumentClient(gateway.url, pinnedId);

    const tokens = await client.redeem(await client.login());
    const refreshed = await client.refresh(tokens.json?.refresh_token);

    expect([tokens.status, refreshed.status]).toEqual([200, 200]);
    expect([host.lookups, host.requests]).toEqual([[], []]);
  });

  it('takes the place of the published one', async () => {
    const pinned = { [clientId]: soundDocument(clientId, { redirect_uris: ['https://client.example/pinned'] }) };
    await start({ cimd: { pinned } });

    expect((await ask(clientId, { redirect_uri: 'https://client.example/pinned' })).answer.status).toBe(200);
    expect((await ask()).answer.text).toMatch(/The application asked for an unregistered address /);
    expect(host.requests).toEqual([]);
  });

  it('is used although its host is denied: the operator vouches for it', async () => {
    await start({
      cimd: { deniedHosts: ['unreachable.example'], pinned: { [pinnedId]: soundDocument(pinnedId) } },
    });

    expect((await ask(pinnedId)).answer.status).toBe(200);
  });
});

describe('allowClient', () => {
  it('has the last word on a document that passed everything else, and sees what was published', async () => {
    const seen: Readonly<Record<string, unknown>>[] = [];
    const allowClient = (document: Readonly<Record<string, unknown>>) => {
      seen.push(document);
      return document.client_name !== 'Example client';
    };
    await start({ cimd: { allowClient } });

    const { answer, writes } = await ask();

    expect([answer.status, answer.location]).toEqual([400, undefined]);
    expect(answer.text).toContain('Error: invalid_client.');
    expect(writes.filter((write) => write.endsWith('Interaction'))).toEqual([]);
    expect(seen[0]).toMatchObject({ client_id: clientId, client_name: 'Example client', redirect_uris: [redirectUri] });
    expect(host.requests).toHaveLength(1);
  });

  it('is not asked about clients that registered themselves', async () => {
    await start({ cimd: { allowClient: () => false } });
    const registered = await createOAuthClient(gateway.url);

    expect((await registered.redeem(await registered.login(createBrowser()))).status).toBe(200);
  });
});

describe('budgets', () => {
  it('let one caller cause 20 fetches a minute with 300 bad client ids, and tell why no more (CWE-400)', async () => {
    await start();
    const answers: string[] = [];
    for (let index = 0; index < 300; index += 20) {
      const ids = Array.from({ length: 20 }, (_, offset) => host.at(`https://client.example/bad-${index + offset}`));
      const pages = await Promise.all(ids.map((id) => createDocumentClient(gateway.url, id).ask()));
      answers.push(...pages.map(({ text }) => text));
    }

    expect(host.requests).toHaveLength(20);
    expect(answers.filter((text) => text.includes('cannot be used: status 404'))).toHaveLength(20);
    expect(answers.filter((text) => text.includes('cannot be used: too many fetches for this caller'))).toHaveLength(
      280,
    );
  });

  it('are those of each caller behind a trusted proxy, not of the proxy', async () => {
    gateway = await startObservedGateway({
      options: () => ({ outbound: host.outbound }),
      routes: (app) => void app.set('trust proxy', 'loopback'),
    });
    const askFrom = async (address: string, name: string) => {
      const query = new URLSearchParams({
        client_id: host.at(`https://client.example/${name}`),
        redirect_uri: redirectUri,
        response_type: 'code',
        code_challenge: 'c'.repeat(43),
        code_challenge_method: 'S256',
      });
      const headers = { 'x-forwarded-for': address };
      return (await send(`${gateway.url}/oauth/authorize?${query}`, { headers })).text.replaceAll(/<[^>]+>/g, '');
    };

    for (let index = 0; index < 20; index += 1) await askFrom('192.0.2.1', `missing-${index}`);

    expect(await askFrom('192.0.2.1', 'one-more')).toContain('too many fetches for this caller');
    expect(await askFrom('192.0.2.2', 'one-more')).toContain('cannot be used: status 404');
    expect(host.requests).toHaveLength(21);
  });

  it('leave a host alone that fails again and again, say so, and ask it again later', async () => {
    moveClock(0); // It stands still: an attempt takes no time.
    await start();
    const id = host.at('https://other.example/outage.json');
    host.serve(id, (_request, response) => void response.writeHead(503).end());

    const texts: string[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1) texts.push((await ask(id)).answer.text);

    expect(host.requests).toHaveLength(3);
    expect(texts[2]).toContain('cannot be used: status 503');
    expect(texts[3]).toContain('cannot be used: its host failed too often just now');
    expect((await ask()).answer.status).toBe(200); // Other hosts are asked as before.
    host.serve(id, soundDocument(id));
    jest.setSystemTime(Date.now() + 1000);
    expect((await ask(id)).answer.status).toBe(200);
  });
});
