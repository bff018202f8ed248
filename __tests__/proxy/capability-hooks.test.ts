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
describe('capabilities by function', () => {
  test('get the identity and the client, for each request', async () => {
    const seen: unknown[] = [];
    const allowed = [['read_file'], ['admin']];
    const capabilities = async (...given: unknown[]) => {
      seen.push(given);
      return { tools: allowed.shift() ?? [] };
    };
    await start({ roles: ['dev'], proxy: { capabilities }, answer: answerJson(result(listResult)) });
    const lists = [];
    for (let call = 0; call < 3; call += 1)
      lists.push(
        ((await (await pair.send(request('tools/list'))).json()) as { result: { tools: unknown } }).result.tools,
      );
    expect(lists).toEqual([named('read_file'), named('admin'), []]);
    const identity = { iss: 'https://idp.test', sub: 'ada', roles: ['dev'], claims: { email: 'ada@example.com' } };
    const client = { clientId: 'client-1', scopes: ['mcp:tools'] };
    expect(seen).toEqual(Array.from({ length: 3 }, () => [identity, client]));
  });

  test.each<[string, () => unknown]>([
    ['fails', () => Promise.reject(new Error('database hunter2'))],
    ['gives nothing', () => undefined],
    ['gives a misspelled kind', () => ({ tool: ['read_a'] })],
    ['gives a list of wrong things', () => ({ tools: [7] })],
  ])('that %s lets nothing through and tells nobody', async (_what, capabilities) => {
    await start({ proxy: { capabilities: capabilities as never }, answer: answerJson(result(listResult)) });
    const outcome = pair.send(request('tools/list'));
    const text = await (await outcome).text();
    expect((await outcome).status).toBe(500);
    expect(text).not.toContain('hunter2');
    expect(pair.received).toEqual([]);
  });
});

describe('authorize(call)', () => {
  test('sees method, name, arguments, identity and client of each call, and lets pass only by true', async () => {
    const calls: unknown[] = [];
    const authorize = async (call: { name?: string }) => {
      calls.push(call);
      return call.name !== 'admin';
    };
    await start({ proxy: { authorize } });
    const allowed = await pair.send(request('tools/call', { name: 'read_a', arguments: { path: '/tmp' } }));
    const refused = await pair.send(request('tools/call', { name: 'admin', arguments: [] }, 2));
    expect([allowed.status, refused.status]).toEqual([200, 200]);
    expect(await refused.json()).toEqual({
      jsonrpc: '2.0',
      id: 2,
      error: { code: -32602, message: 'this call is not allowed' },
    });
    const identity = { iss: 'https://idp.test', sub: 'ada', roles: [], claims: { email: 'ada@example.com' } };
    const client = { clientId: 'client-1', scopes: ['mcp:tools'] };
    expect(calls).toEqual([
      { method: 'tools/call', name: 'read_a', arguments: { path: '/tmp' }, identity, client },
      { method: 'tools/call', name: 'admin', identity, client },
    ]);
    expect(pair.reached()).toEqual(['tools/call read_a']);
    const about = { clientId: 'client-1', flowId: '1', subject: adaAccount, at: expect.any(Number) };
    expect(pair.events).toEqual([
      { type: 'call.allowed', outcome: 'allowed', method: 'tools/call', name: 'read_a', ...about },
      {
        type: 'call.refused',
        outcome: 'refused',
        method: 'tools/call',
        name: 'admin',
        reason: 'not_authorized',
        ...about,
      },
    ]);
  });

  test('comes after the filter, and its list answers pass whole where there is no filter', async () => {
    const names: unknown[] = [];
    await start({ proxy: { capabilities: rules, authorize: ({ name }) => names.push(name) > 0 } });
    await pair.send(request('tools/call', { name: 'admin' }));
    await pair.send(request('tools/call', { name: 'read_a' }));
    expect(names).toEqual(['read_a']);
    await pair.close();
    await start({ proxy: { authorize: () => true }, answer: answerJson(result(listResult)) });
    expect(await (await pair.send(request('tools/list'))).json()).toEqual(result(listResult));
  });

  test.each<[string, () => unknown]>([
    ['anything but true', () => 'yes'],
    ['nothing', () => undefined],
  ])('%s is no', async (_what, authorize) => {
    await start({ proxy: { authorize: authorize as never } });
    expect(await (await pair.send(request('ping'))).json()).toMatchObject({ error: { code: -32602 } });
    expect(pair.received).toEqual([]);
  });

  test('a failure of it refuses the request', async () => {
    await start({ proxy: { authorize: () => Promise.reject(new Error('hunter2')) } });
    const answer = await pair.send(request('ping'));
    expect([answer.status, pair.received]).toEqual([500, []]);
    expect(await answer.text()).not.toContain('hunter2');
  });

  test('names in events have no query of a URI and a bounded length', async () => {
    await start({ proxy: { authorize: () => true } });
    await pair.send(request('resources/read', { uri: 'docs://a?token=hunter2#x' }));
    await pair.send(request('tools/call', { name: 'x'.repeat(1000) }));
    expect(pair.events.map((told) => 'name' in told && told.name)).toEqual(['docs://a', 'x'.repeat(200)]);
  });
});
