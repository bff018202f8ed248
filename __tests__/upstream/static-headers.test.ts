import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../lib/errors.ts';
import { type HeaderSource, staticHeaders } from '../../lib/upstream/static-headers.ts';

const req = { headers: { host: 'gateway' } } as IncomingMessage;

function problemsOf(headers: unknown): string[] {
  try {
    staticHeaders(headers as Record<string, HeaderSource>);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ option, message }) => `${option}: ${message}`);
  }
}

describe('static headers', () => {
  test('are given for each request, under lower-case names', async () => {
    const { headers } = staticHeaders({ Authorization: 'Bearer key', 'X-Api-Key': 'key' });
    expect(await headers(req)).toEqual({ authorization: 'Bearer key', 'x-api-key': 'key' });
  });

  test('may come from a function, which sees the request and is asked each time', async () => {
    const asked: unknown[] = [];
    const { headers } = staticHeaders({
      'x-sync': (request) => String(request.headers.host),
      'x-async': async (request) => `key-${asked.push(request)}`,
    });
    expect(await headers(req)).toEqual({ 'x-sync': 'gateway', 'x-async': 'key-1' });
    expect(await headers(req)).toEqual({ 'x-sync': 'gateway', 'x-async': 'key-2' });
    expect(asked).toEqual([req, req]);
  });

  test('do not change with the object that was given', async () => {
    const given: Record<string, HeaderSource> = { 'x-api-key': 'one' };
    const { headers } = staticHeaders(given);
    given['x-api-key'] = 'two';
    given['x-more'] = 'three';
    expect(await headers(req)).toEqual({ 'x-api-key': 'one' });
  });

  test('may be none', async () => {
    expect(await staticHeaders({}).headers(req)).toEqual({});
  });

  test('ask nobody before the first request', () => {
    const ask = () => {
      throw new Error('asked too early');
    };
    expect(problemsOf({ 'x-api-key': ask })).toEqual([]);
  });
});

describe('are refused at start', () => {
  test.each([
    'Connection',
    'content-length',
    'Expect',
    'Host',
    'keep-alive',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'upgrade',
    'x y',
    'x:y',
    'x\r\ny',
    'ü',
    '',
  ])('under the name %j, which is of the transport or none (RFC 9110 section 5.1)', (name) => {
    expect(problemsOf({ [name]: 'value' })).toEqual([`${name.toLowerCase()}: cannot be set as an upstream header`]);
  });

  test.each([
    ['', 'empty string'],
    ['a\r\nb', 'string'],
    ['a\u0000b', 'string'],
    ['\u0100', 'string'],
    [5, 'number'],
    [null, 'null'],
    [undefined, 'undefined'],
    [['a'], 'array'],
  ])('with the value %j (RFC 9110 section 5.5)', (value, kind) => {
    expect(problemsOf({ 'x-api-key': value })).toEqual([
      `x-api-key: must be a header value or a function that gives one, got ${kind}`,
    ]);
  });

  test('with all that is wrong at once, and no value in the message', () => {
    const hidden = 'hunter2\r\n';
    expect(() => staticHeaders({ host: 'a', 'x-one': hidden, 'x-two': 5 as never })).toThrow(
      new ConfigurationError('staticHeaders(headers)', [
        { option: 'host', message: 'cannot be set as an upstream header' },
        { option: 'x-one', message: 'must be a header value or a function that gives one, got string' },
        { option: 'x-two', message: 'must be a header value or a function that gives one, got number' },
      ]),
    );
    expect(problemsOf({ 'x-one': hidden }).join()).not.toContain('hunter2');
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['Bearer key', 'string'],
    [['a'], 'array'],
    [() => ({}), 'function'],
  ])('as %p', (given, kind) => {
    expect(problemsOf(given)).toEqual([`headers: must be an object of header names and values, got ${kind}`]);
  });
});

describe('at a request', () => {
  test.each(['', 'a\nb', 5, undefined, null])('a function that gives %j fails it, without the value', async (value) => {
    const error = await staticHeaders({ 'x-api-key': () => value as never })
      .headers(req)
      .catch((caught: Error) => caught);
    expect((error as Error).message).toBe('an upstream header function gave no header value');
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('vault');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('vault'))],
  ])('a function that %s fails it', async (_what, source: () => string | Promise<string>) => {
    await expect(staticHeaders({ 'x-api-key': source }).headers(req)).rejects.toThrow('vault');
  });
});
