/** An app that has touched a request's body before the check of its token: parsed it, or given its stream an encoding. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type McpTestServer, startMcpServer } from '../helpers/mcp-servers.ts';
import { createOAuthClient, postJson, send } from '../helpers/oauth-client.ts';

const encodings = ['utf8', 'hex', 'latin1', 'base64'] as const;
const parse = express.json({ limit: '8mb' });
const operationScopes = { 'tools/call': { delete: ['files:write'] } };
const routes = ['/mcp', '/proxied', '/filtered'] as const;

/** Answers with the bytes that it got, whatever the stream gives. */
const echo = (req: IncomingMessage, res: ServerResponse): void => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer | string) =>
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, req.readableEncoding ?? 'utf8') : chunk),
  );
  req.on('end', () => void res.setHeader('content-type', 'application/json').end(Buffer.concat(chunks)));
};

let gateway: Gateway;
let upstream: McpTestServer;
const tokens = new Map<string, string>();

beforeAll(async () => {
  upstream = await startMcpServer(echo);
  gateway = await startGateway({
    beforeAuth: (app) =>
      void app.use((req, res, next) => {
        const before = req.get('x-before');
        if (before === 'parse') return parse(req, res, next);
        if (before !== undefined) req.setEncoding(before as BufferEncoding);
        next();
      }),
    routes: (app, auth) => {
      const maxBodyBytes = 100_000;
      app.all('/mcp', auth.authenticate('/mcp', { operationScopes, maxBodyBytes }), echo);
      app.use(auth.proxy('/proxied', { target: upstream.url, maxBodyBytes }));
      app.use(auth.proxy('/filtered', { target: upstream.url, capabilities: { tools: ['*'] }, maxBodyBytes }));
    },
  });
  for (const route of routes) {
    const client = await createOAuthClient(gateway.url, {}, `${gateway.url}${route}`);
    const { json } = await client.redeem(await client.login(createBrowser()));
    tokens.set(route, String(json?.access_token));
  }
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

function post(route: string, body: string, before: string) {
  const headers = {
    authorization: `Bearer ${tokens.get(route)}`,
    'content-type': 'application/json',
    'x-before': before,
  };
  return send(`${gateway.url}${route}`, { headers, body });
}

const call = (text: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text } } });

describe.each(routes)('%s', (route) => {
  it.each(encodings)('reads and passes on what is said, where the app has called setEncoding(%j)', async (encoding) => {
    const body = call('grüße, 世界');
    const answer = await post(route, body, encoding);
    expect([answer.status, answer.text]).toEqual([200, body]);
  });

  it('answers 413 to more than it may read of a stream with an encoding', async () => {
    expect((await post(route, call('x'.repeat(200_000)), 'hex')).status).toBe(413);
    expect((await post(route, call('still alive'), 'utf8')).status).toBe(200);
  });

  it('answers 400 to a parsed body that is nested too deeply to be written again (CWE-674)', async () => {
    const answer = await post(route, `${'['.repeat(200_000)}${']'.repeat(200_000)}`, 'parse');
    expect(answer.status).toBe(400);
    expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
  });
});

it('registration answers 400 to such a body (RFC 7591 section 3.2.2)', async () => {
  const depth = 200_000;
  const text = `{"client_name":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const headers = { 'content-type': 'application/json', 'x-before': 'parse' };
  const answer = await send(`${gateway.url}/oauth/register`, { headers, body: text });
  expect(answer.status).toBe(400);
  const registered = await postJson(
    `${gateway.url}/oauth/register`,
    { redirect_uris: ['http://127.0.0.1/callback'] },
    { 'x-before': 'hex' },
  );
  expect(registered.status).toBe(201);
});
