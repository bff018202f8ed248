import { describe, expect, it } from '@jest/globals';
import { readTracedMessage, traceContextOf, withTraceMeta } from '../../lib/proxy/trace-meta.ts';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const old = '00-11111111111111111111111111111111-2222222222222222-01';

function changed(text: string, context: { traceparent?: string; tracestate?: string } = { traceparent }): string {
  const body = Buffer.from(text);
  const message = readTracedMessage(body);
  if (!message) throw new Error('not read');
  return withTraceMeta(body, message, context).toString();
}

describe('trace context in _meta (SEP-414)', () => {
  it.each([
    [
      'without params',
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      `{"params":{"_meta":{"traceparent":"${traceparent}"}},"jsonrpc":"2.0","id":1,"method":"ping"}`,
    ],
    [
      'with empty params',
      '{"method":"ping","params":{ }}',
      `{"method":"ping","params":{"_meta":{"traceparent":"${traceparent}"} }}`,
    ],
    [
      'with params',
      '{"method":"m","params":{"a":1}}',
      `{"method":"m","params":{"_meta":{"traceparent":"${traceparent}"},"a":1}}`,
    ],
    [
      'with empty _meta',
      '{"method":"m","params":{"_meta":{}}}',
      `{"method":"m","params":{"_meta":{"traceparent":"${traceparent}"}}}`,
    ],
    [
      'with _meta',
      '{"method":"m","params":{"_meta":{"progressToken":1}}}',
      `{"method":"m","params":{"_meta":{"traceparent":"${traceparent}","progressToken":1}}}`,
    ],
    [
      'that carries one',
      `{"method":"m","params":{"_meta":{"traceparent" : "${old}","x":2}}}`,
      `{"method":"m","params":{"_meta":{"traceparent" : "${traceparent}","x":2}}}`,
    ],
  ])('goes into a message %s', (_what, text, expected) => {
    expect(changed(text)).toBe(expected);
    expect(JSON.parse(changed(text)).params._meta.traceparent).toBe(traceparent);
  });

  it('leaves numbers, spelling and order as the client wrote them', () => {
    const text =
      '{ "id":12345678901234567890, "method":"tools/call",\n"params":{"arguments":{"n":1.0e2,"s":"\\u00e4}{\\""},"name":"t"} }';
    const expected = text.replace('"params":{', `"params":{"_meta":{"traceparent":"${traceparent}"},`);
    expect(changed(text)).toBe(expected);
  });

  it('does not take a member of the same name elsewhere for the one', () => {
    const text =
      '{"method":"m","params":{"arguments":{"_meta":{"traceparent":"mine"},"params":{}},"a":[{"_meta":{}}]}}';
    const parsed = JSON.parse(changed(text));
    expect(parsed.params.arguments).toEqual({ _meta: { traceparent: 'mine' }, params: {} });
    expect(parsed.params._meta).toEqual({ traceparent });
  });

  it('does not leave the state of another parent behind (W3C Trace Context section 3.3)', () => {
    const text = `{"method":"m","params":{"_meta":{"traceparent":"${old}","tracestate":"vendor=1"}}}`;
    expect(JSON.parse(changed(text)).params._meta).toEqual({ traceparent, tracestate: '' });
    const kept = JSON.parse(changed(text, { traceparent, tracestate: 'vendor=2' }));
    expect(kept.params._meta).toEqual({ traceparent, tracestate: 'vendor=2' });
  });

  it.each([
    ['a batch', '[{"method":"m"}]'],
    ['an answer', '{"id":1,"result":{}}'],
    ['params by position', '{"method":"m","params":[1]}'],
    ['a _meta of another type', '{"method":"m","params":{"_meta":1}}'],
    ['a member that is there twice', '{"method":"m","params":{"a":1,"a":2}}'],
    ['text that is not JSON', '{"method":'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('is not put into %s', (_what, body) => {
    expect(readTracedMessage(Buffer.from(body as string))).toBeUndefined();
  });

  it('is read where it is text', () => {
    const read = (meta: unknown) => {
      const message = readTracedMessage(Buffer.from(JSON.stringify({ method: 'm', params: { _meta: meta } })));
      return message && traceContextOf(message);
    };
    expect(read({ traceparent, tracestate: 'a=1' })).toEqual({ traceparent, tracestate: 'a=1' });
    expect(read({ traceparent: 1 })).toBeUndefined();
    expect(read({})).toBeUndefined();
  });
});
