import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createEventStreamFilter, EventTooLargeError } from '../../lib/proxy/event-stream-filter.ts';
import type { Filtered } from '../../lib/proxy/message-filter.ts';
import { holds } from '../helpers/properties.ts';

/** Changes `secret`, drops `drop`, cannot read `odd`. */
function filter(data: string): Filtered {
  if (data.includes('drop')) return { kind: 'dropped' };
  if (data.includes('odd')) return { kind: 'unreadable' };
  return data.includes('secret') ? { kind: 'changed', text: data.replaceAll('secret', '***') } : { kind: 'same' };
}

/** What comes out when these bytes come in as these chunks. */
async function run(chunks: readonly (string | Buffer)[], maxEventBytes = 10_000): Promise<string> {
  const source = Readable.from(chunks.map((chunk) => Buffer.from(chunk as string)).filter(({ length }) => length > 0));
  const filtering = createEventStreamFilter(filter, maxEventBytes);
  source.pipe(filtering);
  return (await buffer(filtering)).toString();
}

/** The events that a parser of WHATWG HTML section 9.2.6 dispatches. */
function parse(stream: string): { data: string; type: string; id: string }[] {
  const events: { data: string; type: string; id: string }[] = [];
  let [data, type, id] = [[] as string[], '', ''];
  const lines = stream.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) events.push({ data: data.join('\n'), type, id });
      data = [];
      type = '';
      continue;
    }
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === 'data') data.push(value);
    if (name === 'event') type = value;
    if (name === 'id') id = value;
  }
  return events;
}

describe('an event stream', () => {
  test.each([
    ['an event', 'data: {"a":1}\n\n'],
    ['CRLF', 'event: message\r\nid: 1\r\ndata: {"a":1}\r\n\r\n'],
    ['CR', 'id: 1\rdata: x\r\rdata: y\r\r'],
    ['comments', ': hello\n\n:\n\ndata: x\n: inside\n\n'],
    ['several lines of data', 'data: {\ndata: "a":1}\n\n'],
    ['data without space, with two, with nothing', 'data:x\n\ndata:  y\n\ndata\n\ndata:\n\n'],
    ['fields nobody knows', 'retry: 10\nfoo: bar\nfoo\ndata: x\n\n'],
    ['an event that only has an id (MCP 2025-11-25, Resumability)', 'id: 7\ndata:\n\nid: 8\n\n'],
    ['a byte order mark', '\ufeffdata: x\n\n'],
    ['an event without its end', 'data: x\n\ndata: y'],
    ['nothing', ''],
  ])('passes as the bytes it came in: %s', async (_what, stream) => {
    // A comment within an event may come before it, where a parser sees no difference.
    const output = await run([stream]);
    if (stream.includes(': inside')) expect(parse(output)).toEqual(parse(stream));
    else expect(output).toBe(stream);
  });

  test.each([
    ['one line', 'data: a secret\n\n', [{ data: 'a ***', type: '', id: '' }]],
    ['CRLF', 'id: 1\r\nevent: message\r\ndata: a secret\r\n\r\n', [{ data: 'a ***', type: 'message', id: '1' }]],
    ['CR', 'data: a secret\r\rdata: b\r\r', ['a ***', 'b'].map((data) => ({ data, type: '', id: '' }))],
    ['a name split over two lines of data', 'data: drop\ndata: it\n\n', []],
    ['a byte order mark in front', '\ufeffdata: a secret\n\n', [{ data: 'a ***', type: '', id: '' }]],
    ['a comment between its lines', 'data: a\n: c\ndata: secret\n\n', [{ data: 'a\n***', type: '', id: '' }]],
  ])('is changed where the filter changes it: %s', async (_what, stream, events) => {
    expect(parse(await run([stream]))).toEqual(events);
  });

  test('keeps the id of an event that is dropped, so that a client resumes behind it', async () => {
    expect(await run(['id: 4\ndata: drop\n\n', 'data: x\n\n'])).toBe('id: 4\n\ndata: x\n\n');
  });

  test('passes no data that is not JSON: what is in it cannot be known', async () => {
    expect(await run(['data: odd\n\ndata: x\n\n'])).toBe('\ndata: x\n\n');
  });

  test('filters an event without its end: some clients read it', async () => {
    const output = await run(['data: x\n\ndata: a secret']);
    expect(output).toBe('data: x\n\ndata: a ***\n');
  });

  test('passes each event and comment as soon as it is whole, the next one begun or not', async () => {
    const filtering = createEventStreamFilter(filter, 10_000);
    const outputs: string[] = [];
    for (const chunk of [': ping\n', 'data: 1\n\ndata: 2', '\n', '\ndata: 3\r\n\r', '\n']) {
      filtering.write(chunk);
      outputs.push(String(filtering.read() ?? ''));
    }
    expect(outputs).toEqual([': ping\n', 'data: 1\n\n', '', 'data: 2\n\ndata: 3\r\n\r', '']);
  });

  test.each([
    ['one line without end', ['data: ', 'x'.repeat(200)]],
    ['many lines', Array.from({ length: 50 }, () => 'data: x\n')],
    ['many small chunks', Array.from({ length: 200 }, () => 'x')],
  ])('fails on an event beyond the limit, and holds no more: %s', async (_what, chunks) => {
    await expect(run(chunks, 100)).rejects.toThrow(EventTooLargeError);
  });

  test('has no limit of its own length', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `data: ${index}\n\n`);
    expect(await run(many, 20)).toBe(many.join(''));
  });

  test('comes out the same however it is cut into chunks', async () => {
    const line = fc.constantFrom(
      'data: a secret',
      'data: x',
      'data',
      'id: 3',
      ': c',
      'event: e',
      'data: drop',
      'data: é漢',
    );
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const stream = fc
      .array(fc.tuple(fc.array(line, { maxLength: 4 }), end), { maxLength: 6 })
      .map((events) => events.map(([lines, eol]) => [...lines, ''].join(eol) + eol).join(''));
    await holds(
      fc.asyncProperty(stream, fc.array(fc.nat(60), { maxLength: 12 }), async (whole, cuts) => {
        const bytes = Buffer.from(whole);
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((to, index) => bytes.subarray(at[index], to));
        expect(parse(await run(chunks))).toEqual(parse(await run([bytes])));
      }),
      300,
    );
  });
});
