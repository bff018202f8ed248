import { describe, expect, test } from '@jest/globals';
import { isAmbiguousValue, parseJsonRpc } from '../../lib/shared/json-rpc.ts';

const parse = (text: string) => parseJsonRpc(Buffer.from(text));

describe('a body is one message to every parser, or refused', () => {
  test.each([
    ['method', '{"jsonrpc":"2.0","method":"tools/list","method":"tools/call"}'],
    ['name', '{"method":"tools/call","params":{"name":"read","name":"delete"}}'],
    ['escaped name', '{"method":"tools/call","params":{"name":"read","n\\u0061me":"delete"}}'],
    ['name in a batch', '[{"method":"tools/call","params":{"name":"read","name":"delete"}}]'],
    ['argument', '{"method":"tools/call","params":{"name":"run","arguments":{"path":"/tmp","path":"/etc"}}}'],
    ['name with space before its colon', `{"method":"a","params":{"name":"read","name"${' '.repeat(500)}:"delete"}}`],
  ])('a %s that is there twice is refused (RFC 8259 section 4)', (_what, text) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(parse(text)).toBeUndefined();
  });

  test.each([
    '{"method":"tools/list","Method":"tools/call"}',
    '{"method":"tools/call","params":{"name":"read"},"Params":{"name":"delete"}}',
    '{"method":"tools/call","params":{"name":"read","NAME":"delete"}}',
    '{"method":"tools/call","params":{"name":"read"},"param\u017f":{"name":"delete"}}',
    '{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","Name":"b"}}}',
    '{"method":"subscriptions/listen","params":{"notifications":{"ResourceSubscriptions":["docs://private"]}}}',
    '{"method":"tasks/cancel","params":{"taskId":"mine","taskid":"another"}}',
  ])('a twin in other case is refused, since some parsers do not mind it: %s', (text) => {
    expect(parse(text)).toBeUndefined();
  });

  test.each([
    [{ method: 'tools/call', params: { name: 'run', arguments: { name: 1, Name: 2, ID: 3, nested: { Params: 4 } } } }],
    [{ method: 'initialize', params: { clientInfo: { Name: 'x' }, _meta: { ID: 1 } } }],
    [{ result: { Name: 1, name: 2 } }],
    [{ method: 'subscriptions/listen', params: { notifications: { resourceSubscriptions: ['docs://a'] } } }],
    [{ method: 'tasks/cancel', params: { taskId: 'mine' } }],
    [[{ id: 1 }, { id: 1 }]],
    ['a "quoted" { string ] with \\ everything: "method":'],
  ])('what only looks alike is read: %j', (value) => {
    expect(parse(JSON.stringify(value))).toEqual({ value });
  });

  test.each([
    ['no JSON', Buffer.from('{')],
    ['nothing', Buffer.alloc(0)],
    ['UTF-16', Buffer.from('{"method":"a"}', 'utf16le')],
    ['bytes that are no UTF-8', Buffer.from('{"method":"dele\xffte"}', 'latin1')],
  ])('%s is refused', (_what, bytes) => {
    expect(parseJsonRpc(bytes)).toBeUndefined();
  });

  test.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('%s in each other deeper than parsers go are refused (RFC 8259 section 9, CWE-674)', (_what, open, close) => {
    const nested = (depth: number) => `{"method":"a","params":${open.repeat(depth)}1${close.repeat(depth)}}`;
    expect(parse(nested(400))).toBeDefined();
    expect(parse(nested(600))).toBeUndefined();
    expect(parse(nested(100_000))).toBeUndefined();
  });

  test('what a parser in front has read is judged in the same way, however deep it is', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
    expect([{ method: 'a' }, { Method: 'a' }, deep].map(isAmbiguousValue)).toEqual([false, true, true]);
  });

  test('a byte order mark is no reason to refuse (RFC 8259 section 8.1)', () => {
    expect(parse('\ufeff{"method":"a"}')).toEqual({ value: { method: 'a' } });
  });
});
