import type { ServerResponse } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  adaAccount,
  answerJson,
  type FilteredPair,
  type FilteredPairOptions,
  named,
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

const listResult = {
  tools: named('read_file', 'delete_file', 'admin'),
  nextCursor: 'page-2',
  _meta: { kept: true },
};
const filteredList = { ...listResult, tools: named('read_file') };

const sse =
  (...events: string[]) =>
  (res: ServerResponse) =>
    void res.writeHead(200, { 'content-type': 'text/event-stream' }).end(events.join(''));

const event = (message: unknown) => `event: message\ndata: ${JSON.stringify(message)}\n\n`;

/** Messages of an event stream's answer. */
const messagesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));

describe('lists lose what the caller may not see', () => {
  test('in JSON, with their cursor and all else as it was', async () => {
    await start({ answer: answerJson(result(listResult)) });
    const answer = await pair.send(request('tools/list'));
    expect([answer.status, await answer.json()]).toEqual([200, result(filteredList)]);
    expect(answer.headers.get('content-length')).toBe(String(JSON.stringify(result(filteredList)).length));
  });

  test('in an event stream', async () => {
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, progressToken: 1 } };
    await start({ answer: sse(': hi\n\n', event(progress), event(result(listResult))) });
    const text = await (await pair.send(request('tools/list'))).text();
    expect(messagesOf(text)).toEqual([progress, result(filteredList)]);
    expect(text).not.toMatch(/delete_file|admin/);
  });

  test('in an event stream cut anywhere, with CRLF and data over several lines', async () => {
    const lines = JSON.stringify(result(listResult), null, 1).split('\n');
    const bytes = Buffer.from(`id: 9\r\n${lines.map((line) => `data: ${line}\r\n`).join('')}\r\n`);
    await start({
      async answer(res) {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let at = 0; at < bytes.length; at += 7) {
          await new Promise<void>((written) => void res.write(bytes.subarray(at, at + 7), () => written()));
        }
        res.end();
      },
    });
    const text = await (await pair.send(request('tools/list'))).text();
    expect(messagesOf(text)).toEqual([result(filteredList)]);
    expect(text).toContain('id: 9');
    expect(text).not.toContain('delete_file');
  });

  test.each([
    ['prompts', [{ name: 'hello' }, { name: 'other' }], [{ name: 'hello' }]],
    [
      'resources',
      [
        { uri: 'docs://public/a', name: 'a' },
        { uri: 'docs://private/a', name: 'b' },
      ],
      [{ uri: 'docs://public/a', name: 'a' }],
    ],
    [
      'resourceTemplates',
      [
        { uriTemplate: 'users://{id}', name: 'u' },
        { uriTemplate: 'keys://{id}', name: 'k' },
      ],
      [{ uriTemplate: 'users://{id}', name: 'u' }],
    ],
    ['tools', [{ title: 'no name' }, null, 'read_x', { name: 7 }], []],
  ])('of %s: what has no name is not there either', async (kind, items, expected) => {
    await start({ answer: answerJson(result({ [kind]: items })) });
    expect(await (await pair.send(request('any/list'))).json()).toEqual(result({ [kind]: expected }));
  });

  test('of a batch, each (MCP 2025-03-26)', async () => {
    const both = [result(listResult, 1), result({ prompts: [{ name: 'other' }] }, 2), result({ content: [] }, 3)];
    await start({ answer: answerJson(both) });
    const answer = await pair.send([
      request('tools/list', {}, 1),
      request('prompts/list', {}, 2),
      request('ping', {}, 3),
    ]);
    expect(await answer.json()).toEqual([
      result(filteredList, 1),
      result({ prompts: [] }, 2),
      result({ content: [] }, 3),
    ]);
  });

  test('of a stateless request, and they are for nobody else to cache (MCP 2026-07-28, Caching)', async () => {
    await start({
      answer: answerJson(result({ ...listResult, resultType: 'complete', ttlMs: 1000, cacheScope: 'public' })),
    });
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    expect(await (await pair.send(request('tools/list'), headers)).json()).toEqual(
      result({ ...filteredList, resultType: 'complete', ttlMs: 1000, cacheScope: 'private' }),
    );
  });

  test('on a GET stream that resumes another one, by their form alone (MCP 2025-11-25, Resumability)', async () => {
    await start({ answer: sse(`id: 5\n${event(result(listResult, 41))}`) });
    const answer = await fetch(pair.url, { headers: { accept: 'text/event-stream', 'last-event-id': '4' } });
    expect(pair.received[0]?.headers['last-event-id']).toBe('4');
    expect(messagesOf(await answer.text())).toEqual([result(filteredList, 41)]);
  });

  test('and notifications about hidden resources stay away', async () => {
    const updated = (uri?: string) => ({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } });
    await start({
      answer: sse(event(updated('docs://private/a')), event(updated('docs://public/a')), event(updated())),
    });
    const text = await (await fetch(pair.url)).text();
    expect(messagesOf(text)).toEqual([updated('docs://public/a')]);
  });

  test('by role', async () => {
    await start({ roles: ['admin'], answer: answerJson(result(listResult)) });
    const expected = named('read_file', 'delete_file');
    expect(await (await pair.send(request('tools/list'))).json()).toEqual(result({ ...listResult, tools: expected }));
  });

  test('and each loss is an event', async () => {
    await start({ answer: answerJson(result(listResult)) });
    await (await pair.send(request('tools/list'))).text();
    const about = { clientId: 'client-1', flowId: '1', subject: adaAccount, at: expect.any(Number) };
    expect(pair.events).toEqual([
      { type: 'call.allowed', outcome: 'allowed', method: 'tools/list', ...about },
      { type: 'capabilities.filtered', outcome: 'noted', kind: 'tools', hidden: 2, ...about },
    ]);
  });
});

describe('everything else passes as it came', () => {
  test.each([
    [
      'a result with numbers and spaces',
      '{"jsonrpc":"2.0","id":1,\n "result": {"content":[{"type":"text","text":"tools"}],"n":1.0,"big":12345678901234567890}}',
    ],
    [
      'a discovery (MCP 2026-07-28, Discovery)',
      JSON.stringify(
        result({
          capabilities: { tools: {}, prompts: {}, resources: {} },
          supportedVersions: ['2026-07-28'],
          instructions: 'x',
        }),
      ),
    ],
    [
      'a list of nothing hidden, behind a byte order mark',
      `\ufeff${JSON.stringify(result({ tools: named('read_a') }))}`,
    ],
    ['a list of nothing hidden', JSON.stringify(result({ tools: named('read_a', 'read_b') }))],
    ['an error', '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"tools":["x"]}}}'],
  ])('%s', async (_what, text) => {
    await start({ answer: (res) => void res.setHeader('content-type', 'application/json').end(text) });
    const answer = await pair.send(request('tools/call', { name: 'read_a' }));
    expect(Buffer.from(await answer.arrayBuffer()).toString()).toBe(text);
  });

  test.each([
    [202, 'text/plain', 'Accepted'],
    [202, undefined, ''],
    [404, 'text/html', '<h1>Session not found</h1>'],
    [400, 'application/json', 'not json'],
    [500, 'application/json', '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}'],
  ])('a %d of %s', async (status, type, text) => {
    await start({ answer: (res) => void res.writeHead(status, type ? { 'content-type': type } : {}).end(text) });
    const answer = await pair.send(request('tools/call', { name: 'read_a' }));
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      status,
      type ?? null,
      text,
    ]);
  });

  test.each([204, 304])('a %d without a body', async (status) => {
    await start({ answer: (res) => void res.writeHead(status).end() });
    const answer = await fetch(pair.url, { method: 'DELETE' });
    expect([answer.status, await answer.text()]).toEqual([status, '']);
  });
});

describe('content codings do not hide a list', () => {
  const text = JSON.stringify(result(listResult));

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['identity', Buffer.from],
    ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
  ])('%s, which nobody asked for', async (coding, encode) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': coding };
    await start({ answer: (res) => void res.writeHead(200, headers).end(encode(Buffer.from(text))) });
    const answer = await pair.send(request('tools/list'));
    expect(pair.received[0]?.headers['accept-encoding']).toBe('identity');
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(await answer.json()).toEqual(result(filteredList));
  });

  test('gzip of an event stream', async () => {
    const headers = { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' };
    await start({ answer: (res) => void res.writeHead(200, headers).end(gzipSync(event(result(listResult)))) });
    const answer = await pair.send(request('tools/list'));
    expect(messagesOf(await answer.text())).toEqual([result(filteredList)]);
  });
});

describe('an answer that cannot be read is 502, and nothing of it is told', () => {
  const bad = { 'content-type': 'application/json' };
  const refused = {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32603, message: 'the upstream server cannot be reached' },
  };

  test.each<[string, (res: ServerResponse) => void, string]>([
    [
      'an unknown content coding',
      (res) => res.writeHead(200, { ...bad, 'content-encoding': 'x-own' }).end('{}'),
      'unreadable: unknown content coding',
    ],
    [
      'a content coding by the name of a member that every object has (CWE-1321)',
      (res) => res.writeHead(200, { ...bad, 'content-encoding': 'constructor' }).end('{}'),
      'unreadable: unknown content coding',
    ],
    [
      'no JSON, though some clients read it',
      (res) => res.writeHead(200, bad).end('{"result":{"tools":[{"name":"admin","n":NaN}]}}'),
      'unreadable: not JSON',
    ],
    [
      'too large',
      (res) => res.writeHead(200, bad).end(JSON.stringify(result({ text: 'x'.repeat(5000) }))),
      'unreadable: too large',
    ],
    [
      'a small answer that unpacks to a large one',
      (res) => res.writeHead(200, { ...bad, 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000, ' '))),
      'unreadable: too large',
    ],
    [
      'coded again and again, each time to be unpacked (CWE-409)',
      (res) => {
        const text = Buffer.from(JSON.stringify(result(listResult)));
        res.writeHead(200, { ...bad, 'content-encoding': 'gzip, gzip, gzip' });
        res.end(gzipSync(gzipSync(gzipSync(text))));
      },
      'unreadable: unknown content coding',
    ],
    [
      'coded wrongly',
      (res) => res.writeHead(200, { ...bad, 'content-encoding': 'gzip' }).end('{}'),
      'unreachable: broken off',
    ],
    [
      'half of it',
      (res) =>
        void res.writeHead(200, { ...bad, 'content-length': '100' }).write('{"result":{"to', () => res.destroy()),
      'unreachable: broken off',
    ],
  ])('%s', async (_what, answer, reason) => {
    await start({ proxy: { capabilities: rules, maxAnswerBytes: 4096 }, answer });
    const response = await pair.send(request('tools/list'));
    expect([response.status, await response.json()]).toEqual([502, refused]);
    expect(pair.events.filter(({ type }) => type === 'proxy.failed')).toMatchObject([{ reason, status: 502 }]);
  });

  const deep = `{"result":{"tools":[{"name":"admin"}],"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;

  test('nested so deep that it cannot be written again', async () => {
    await start({ answer: (res) => void res.writeHead(200, bad).end(deep) });
    const response = await pair.send(request('tools/list'));
    expect([response.status, await response.json()]).toEqual([502, refused]);
  });

  test('the same in an event stream: its other events still come', async () => {
    await start({ answer: sse(`data: ${deep}\n\n`, event({ ok: 1 })) });
    const text = await (await pair.send(request('tools/list'))).text();
    expect(messagesOf(text)).toEqual([{ ok: 1 }]);
  });

  test.each([
    ['application/json, text/event-stream', `data: ${JSON.stringify(result(listResult))}\n\n`],
    ['text/plain; text/event-stream', `data: ${JSON.stringify(result(listResult))}\n\n`],
    ['text/event-stream, application/json', JSON.stringify(result(listResult))],
  ])('of a type that clients read differently tells nothing: %s', async (type, text) => {
    await start({ answer: (res) => void res.writeHead(200, { 'content-type': type }).end(text) });
    const response = await pair.send(request('tools/list'));
    expect(await response.text()).not.toMatch(/delete_file|admin/);
  });

  test('504 where it does not end in time', async () => {
    const proxy = { capabilities: rules, firstByteTimeoutMs: 50 };
    await start({ proxy, answer: (res) => void res.writeHead(200, bad).write('{"result":') });
    expect((await pair.send(request('tools/list'))).status).toBe(504);
  });

  test('an event that is too large ends the stream', async () => {
    const proxy = { capabilities: rules, maxAnswerBytes: 4096 };
    await start({ proxy, answer: sse(event({ ok: 1 }), `data: "${'x'.repeat(500_000)}"\n\n`) });
    const response = await pair.send(request('tools/call', { name: 'read_x' }));
    await expect(response.text()).rejects.toThrow('terminated');
    expect(pair.events.at(-1)).toMatchObject({ type: 'proxy.failed', reason: 'unreadable: too large an event' });
  });
});
