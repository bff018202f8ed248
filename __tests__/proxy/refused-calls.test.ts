import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { UpstreamAnswer } from '../../lib/shared/upstream-credentials.ts';
import {
  adaAccount,
  type FilteredPair,
  type FilteredPairOptions,
  request,
  result,
  startFilteredPair,
} from './filtered-pair.ts';

let pair: FilteredPair;

afterEach(() => pair.close());

const rules = {
  tools: { allow: ['read_*', { name: 'delete_*', roles: ['admin'] }] },
  prompts: ['hello'],
  resources: ['docs://public/*'],
  resourceTemplates: ['users://{id}'],
};

async function start(options: Partial<FilteredPairOptions> = {}): Promise<FilteredPair> {
  pair = await startFilteredPair({ proxy: { capabilities: rules }, ...options });
  return pair;
}

describe('a call to what is hidden is answered -32601 and never reaches the upstream', () => {
  const error = { code: -32601, message: 'not found' };

  test.each<[string, string, object]>([
    ['a tool', 'tools/call', { name: 'delete_file', arguments: {} }],
    ['a tool of another case', 'tools/call', { name: 'READ_file' }],
    ['a prompt', 'prompts/get', { name: 'other' }],
    ['a resource', 'resources/read', { uri: 'docs://private/a' }],
    ['a resource in another spelling', 'resources/read', { uri: 'DOCS://private/a' }],
    ['a resource of a hidden template', 'resources/read', { uri: 'keys://1' }],
    ['a subscription', 'resources/subscribe', { uri: 'docs://private/a' }],
    [
      'a completion for a prompt',
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'other' }, argument: { name: 'a', value: 'b' } },
    ],
    [
      'a completion for a template',
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'keys://{id}' }, argument: { name: 'a', value: 'b' } },
    ],
    [
      'a completion for a resource',
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'keys://1' }, argument: { name: 'a', value: 'b' } },
    ],
    [
      'one of several subscriptions (MCP 2026-07-28)',
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: ['docs://public/a', 'docs://private/a'] } },
    ],
  ])('%s', async (_what, method, params) => {
    await start();
    const answer = await pair.send(request(method, params, 'q-1'));
    expect([answer.status, await answer.json()]).toEqual([200, { jsonrpc: '2.0', id: 'q-1', error }]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(pair.received).toEqual([]);
    expect(pair.events).toMatchObject([{ type: 'call.refused', method, reason: 'hidden', subject: adaAccount }]);
  });

  test.each<[string, object]>([
    ['tools/call', { name: 'read_file' }],
    ['prompts/get', { name: 'hello' }],
    ['resources/read', { uri: 'docs://public/a' }],
    ['resources/read', { uri: 'users://7' }],
    ['resources/unsubscribe', { uri: 'users://7' }],
    ['completion/complete', { ref: { type: 'ref/prompt', name: 'hello' } }],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'users://{id}' } }],
    ['completion/complete', { ref: { type: 'ref/resource', uri: 'users://7' } }],
    ['subscriptions/listen', { notifications: { toolsListChanged: true, resourceSubscriptions: ['users://7'] } }],
    ['subscriptions/listen', {}],
    ['initialize', { protocolVersion: '2025-11-25', clientInfo: { name: 'admin' } }],
    ['server/discover', {}],
    ['logging/setLevel', { level: 'debug' }],
    ['tasks/get', { taskId: 'admin' }],
  ])('what is there is called: %s %j', async (method, params) => {
    await start();
    const answer = await pair.send(request(method, params));
    expect([answer.status, await answer.json()]).toEqual([200, { ok: true }]);
    expect(pair.received[0]?.body.toString()).toBe(JSON.stringify(request(method, params)));
  });

  test('within a batch: nothing of it runs', async () => {
    await start();
    const batch = [
      request('tools/call', { name: 'read_a' }, 1),
      request('tools/call', { name: 'admin' }, 2),
      { jsonrpc: '2.0', method: 'notifications/x' },
    ];
    const answer = await pair.send(batch);
    expect(await answer.json()).toEqual([
      { jsonrpc: '2.0', id: 1, error: { code: -32600, message: 'not run: another call of the batch is refused' } },
      { jsonrpc: '2.0', id: 2, error },
    ]);
    expect(pair.received).toEqual([]);
  });

  test('as a notification: 400, since nobody waits for an answer', async () => {
    await start();
    const answer = await pair.send({ jsonrpc: '2.0', method: 'tools/call', params: { name: 'admin' } });
    expect([answer.status, await answer.json()]).toEqual([400, { jsonrpc: '2.0', id: null, error }]);
    expect(pair.received).toEqual([]);
  });
});

describe('what cannot be decided is refused and reaches nobody', () => {
  test.each<[string, string | Buffer, Record<string, string>, number, number]>([
    ['no JSON', '{', {}, 400, -32700],
    ['nothing', '', {}, 400, -32700],
    ['an empty batch', '[]', {}, 400, -32600],
    ['no message', '7', {}, 400, -32600],
    ['a call without a name', JSON.stringify(request('tools/call', {})), {}, 400, -32600],
    ['a completion without a reference', JSON.stringify(request('completion/complete', {})), {}, 200, -32602],
    [
      'subscriptions that are none',
      JSON.stringify(request('subscriptions/listen', { notifications: { resourceSubscriptions: 'docs://private' } })),
      {},
      200,
      -32602,
    ],
    [
      'a name that is there twice',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","name":"admin"}}',
      {},
      400,
      -32700,
    ],
    [
      'a name in two cases',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_a","Name":"admin"}}',
      {},
      400,
      -32700,
    ],
    [
      'headers that name another tool',
      JSON.stringify(request('tools/call', { name: 'read_a' })),
      { 'mcp-method': 'tools/call', 'mcp-name': 'read_b' },
      400,
      -32020,
    ],
    [
      'headers that name an allowed tool for a hidden one',
      JSON.stringify(request('tools/call', { name: 'admin' })),
      { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'read_a' },
      400,
      -32020,
    ],
    [
      'headers of another method',
      JSON.stringify(request('tools/call', { name: 'read_a' })),
      { 'mcp-method': 'tools/list' },
      400,
      -32020,
    ],
    ['a coded body', gzipSync(JSON.stringify(request('tools/list'))), { 'content-encoding': 'gzip' }, 415, -32600],
    [
      'another character set',
      JSON.stringify(request('tools/call', { name: '+AGEAZABtAGkAbg-' })),
      { 'content-type': 'application/json; charset=utf-7' },
      415,
      -32600,
    ],
    [
      'a character set that is named after another one',
      JSON.stringify(request('tools/call', { name: '+AGEAZABtAGkAbg-' })),
      { 'content-type': 'application/json; charset=utf-8; charset=utf-7' },
      415,
      -32600,
    ],
    [
      'too large a body',
      JSON.stringify(request('tools/call', { name: 'read_a', arguments: { a: 'x'.repeat(5000) } })),
      {},
      413,
      -32600,
    ],
  ])('%s', async (_what, body, headers, status, code) => {
    await start({ proxy: { capabilities: rules, maxBodyBytes: 4096 } });
    const answer = await pair.send(body, headers);
    expect([answer.status, await answer.json()]).toMatchObject([status, { jsonrpc: '2.0', error: { code } }]);
    expect(pair.received).toEqual([]);
  });

  test('a response of the client is no call', async () => {
    await start();
    expect((await pair.send(result({ action: 'accept', content: {} }, 's-1'))).status).toBe(200);
    expect(pair.received).toHaveLength(1);
  });

  test('headers that say what the body says pass, encoded too (MCP 2026-07-28, Server Validation)', async () => {
    await start();
    const headers = {
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('read_ä').toString('base64')}?=`,
    };
    expect((await pair.send(request('tools/call', { name: 'read_ä' }), headers)).status).toBe(200);
  });
});

describe('a tool that the credentials answer themselves, such as the one with the link to connect', () => {
  const own = (kind: 'answer' | 'headers') => ({
    ownTools: ['connect_x'],
    forRequest: async (): Promise<UpstreamAnswer> =>
      kind === 'headers'
        ? { kind, headers: {} }
        : { kind, send: (res) => void res.end(JSON.stringify(result({ content: [] }))) },
  });
  const call = request('tools/call', { name: 'connect_x' });

  test('is not hidden', async () => {
    await start({ credentials: own('answer') });
    expect(await (await pair.send(call)).json()).toEqual(result({ content: [] }));
    expect(pair.events).toMatchObject([{ type: 'call.allowed', name: 'connect_x' }]);
  });

  test('and opens no tool of the upstream that has its name', async () => {
    await start({ credentials: own('headers') });
    expect(await (await pair.send(call)).json()).toMatchObject({ id: 1, error: { code: -32601 } });
    expect(pair.received).toEqual([]);
  });
});
