import { afterEach, describe, expect, test } from '@jest/globals';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js';
import express from 'express';
import { createSdkV1McpHandler, createSdkV2McpHandler } from '../helpers/mcp-servers.ts';
import { bearer } from '../helpers/protected-server.ts';
import {
  connect,
  type FilesGateway,
  type FilesGatewaySettings,
  linkIn,
  rpc,
  signIn,
  startFilesGateway,
  type User,
} from './support.ts';

let files: FilesGateway;
let alice: User;
const clients: { close(): Promise<void> }[] = [];

async function start(settings?: FilesGatewaySettings): Promise<void> {
  files = await startFilesGateway(settings);
  alice = await signIn(files.gateway.url, 'alice');
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await files?.close();
});

const info = { name: 'client', version: '1.0.0' };
const call = { name: 'whoami', arguments: {} };
const requestInit = () => ({ headers: bearer(alice.accessToken) });

/** A client of 2025-11-25. */
async function connectV1(capabilities: Record<string, unknown> = {}): Promise<ClientV1> {
  const client = new ClientV1(info, { capabilities });
  const transport = new TransportV1(new URL(files.url), { requestInit: requestInit() });
  await client.connect(transport as Parameters<ClientV1['connect']>[0]);
  clients.push(client);
  return client;
}

/** A client of 2026-07-28. */
async function connectV2(capabilities: Record<string, unknown> = {}, onUrl?: (url: string) => Promise<string>) {
  const client = new ClientV2(info, { capabilities, versionNegotiation: { mode: 'auto' } });
  if (onUrl) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      return { action: (await onUrl((params as { url: string }).url)) as 'accept' | 'decline' };
    });
  }
  await client.connect(new TransportV2(new URL(files.url), { requestInit: requestInit() }));
  clients.push(client);
  return client;
}

const textOf = (result: unknown) =>
  (result as { content: { text: string }[] }).content.map(({ text }) => text).join('');

describe('a client of 2026-07-28', () => {
  test('that opens URLs is asked by a result that needs input, and its call goes on once the user has connected', async () => {
    await start();
    const opened: string[] = [];
    const client = await connectV2({ elicitation: { url: {} } }, async (url) => {
      opened.push(url);
      await connect(alice.browser, url, 'alice-at-files');
      return 'accept';
    });
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    const result = await client.callTool(call);
    expect(JSON.parse(textOf(result)).extra.sub).toBe('alice-at-files');
    expect(opened).toEqual([expect.stringContaining('/oauth/connect/')]);
  });

  test.each([
    ['', undefined],
    [' behind a body parser of the app', express.json()],
  ])('goes on when the user connects while the call is held%s', async (_where, before) => {
    await start(before ? { before } : {});
    let done: Promise<unknown> = Promise.resolve();
    const client = await connectV2({ elicitation: { url: {} } }, async (url) => {
      done = connect(alice.browser, url, 'alice-at-files');
      return 'accept';
    });
    // The call comes back before the user has got through the pages.
    expect(JSON.parse(textOf(await client.callTool(call))).extra.sub).toBe('alice-at-files');
    await done;
  });

  test('whose user declines is not asked again in this call', async () => {
    await start();
    let asked = 0;
    const client = await connectV2({ elicitation: { url: {} } }, async () => {
      asked += 1;
      return 'decline';
    });
    const result = await client.callTool(call);
    expect([asked, result.isError]).toEqual([1, true]);
    expect(textOf(result)).toContain('/oauth/connect/');
  });

  test.each([{}, { elicitation: {} }, { elicitation: { form: {} } }])(
    'that declares %j gets a tool error with the link, never an elicitation',
    async (capabilities) => {
      await start();
      const result = await (await connectV2(capabilities)).callTool(call);
      expect([result.isError, linkIn(textOf(result))]).toEqual([true, expect.any(String)]);
    },
  );

  test('sees one tool, which gives the link, and the upstream’s own tools afterwards', async () => {
    await start();
    const client = await connectV2();
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['connect_files']);
    const result = await client.callTool({ name: 'connect_files', arguments: {} });
    expect(result.isError).toBeUndefined();
    await connect(alice.browser, linkIn(textOf(result)), 'alice-at-files');
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('whoami');
    // A model may still hold on to the tool that it saw first.
    expect(textOf(await client.callTool({ name: 'connect_files', arguments: {} }))).toContain('is connected');
  });

  test('never gets -32042, whatever it asks for (MCP 2026-07-28)', async () => {
    await start({ credential: { connectTool: false } });
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } },
    };
    const headers = { 'mcp-protocol-version': '2026-07-28' };
    const answers = [];
    for (const method of [
      'tools/list',
      'prompts/list',
      'resources/list',
      'completion/complete',
      'subscriptions/listen',
    ]) {
      const answer = await rpc(files.url, alice, method, { _meta: meta }, { ...headers, 'mcp-method': method });
      answers.push((answer.json?.error as { code: number } | undefined)?.code);
    }
    expect(answers).toEqual([-32603, -32603, -32603, -32603, -32603]);
    for (const [method, params] of [
      ['tools/call', call],
      ['prompts/get', { name: 'p' }],
      ['resources/read', { uri: 'file:///a' }],
    ] as const) {
      const name = 'uri' in params ? params.uri : params.name;
      const more = { ...headers, 'mcp-method': method, 'mcp-name': name };
      const answer = await rpc(files.url, alice, method, { ...params, _meta: meta }, more);
      expect(answer.json?.result).toMatchObject({ resultType: 'input_required' });
    }
  });
});

describe('a client of 2025-11-25', () => {
  test('that opens URLs gets -32042 with the link, and calls the upstream after a new start', async () => {
    await start({ upstream: { createHandler: () => createSdkV1McpHandler('stateful') } });
    const client = await connectV1({ elicitation: { url: {} } });
    const error = await client.callTool(call).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UrlElicitationRequiredError);
    const [elicitation] = (error as UrlElicitationRequiredError).elicitations;
    expect(elicitation).toMatchObject({ mode: 'url', elicitationId: expect.any(String) });
    await connect(alice.browser, (elicitation as { url: string }).url, 'alice-at-files');
    // The session of the time before has ended: clients start a new one (MCP 2025-11-25, Session Management).
    await expect(client.callTool(call)).rejects.toMatchObject({ code: 404 });
    const again = await connectV1({ elicitation: { url: {} } });
    expect(JSON.parse(textOf(await again.callTool(call))).extra.sub).toBe('alice-at-files');
  });

  test('that does not, gets a tool error that its user can read', async () => {
    await start({ upstream: { createHandler: () => createSdkV1McpHandler('stateless') } });
    const client = await connectV1({ elicitation: { form: {} } });
    const result = await client.callTool(call);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toContain('Files is not connected. Open this link in your browser');
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['connect_files']);
    await client.ping();
  });

  test('is remembered by its grant: a connection that ends later still is told by -32042', async () => {
    await start({ upstream: { createHandler: createSdkV2McpHandler } });
    await connect(alice.browser, linkIn((await rpc(files.url, alice, 'tools/call', call)).text), 'alice-at-files');
    const client = await connectV1({ elicitation: { url: {} } });
    expect(JSON.parse(textOf(await client.callTool(call))).extra.sub).toBe('alice-at-files');
    files.upstream.forgetGrants();
    await expect(client.callTool(call)).rejects.toBeInstanceOf(UrlElicitationRequiredError);
    // Another client of the same person says nothing of URLs.
    const other = await signIn(files.gateway.url, 'alice');
    expect((await rpc(files.url, other, 'tools/call', call)).json?.result).toMatchObject({ isError: true });
  });

  test('gets no stream and no error for one, and may end its session', async () => {
    await start();
    const headers = { accept: 'text/event-stream', ...bearer(alice.accessToken) };
    expect((await fetch(files.url, { headers })).status).toBe(405);
    expect((await fetch(files.url, { method: 'DELETE', headers })).status).toBe(204);
  });

  test('has its notifications and responses accepted', async () => {
    await start();
    const answer = await fetch(files.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...bearer(alice.accessToken) },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    });
    expect([answer.status, await answer.text()]).toEqual([202, '']);
  });
});

test.each(['2025-11-25', '2026-07-28'])(
  'members of another type than theirs are no failure of ours (%s)',
  async (revision) => {
    await start();
    const headers = { 'mcp-protocol-version': revision };
    const odd = { toString: 'x', valueOf: 'y' };
    const answers = [
      await rpc(files.url, alice, 'initialize', { protocolVersion: odd }, headers),
      await rpc(files.url, alice, odd as unknown as string, {}, headers),
      await rpc(files.url, alice, 'tools/call', { name: odd, _meta: odd }, headers),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  },
);

test('a client of 2025-03-26 gets a batch answered as a batch', async () => {
  await start();
  const answer = await fetch(files.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...bearer(alice.accessToken) },
    body: JSON.stringify([
      { jsonrpc: '2.0', id: 'a', method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/cancelled' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: call },
    ]),
  });
  const json = (await answer.json()) as { id: unknown; result: object }[];
  expect(json.map(({ id }) => id)).toEqual(['a', 2]);
  expect(json[1]?.result).toMatchObject({ isError: true });
});
