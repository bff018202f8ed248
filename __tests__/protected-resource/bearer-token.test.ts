import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { readBearerToken } from '../../lib/protected-resource/bearer-token.ts';

/** A request with these raw headers, as Node parses them: of several Authorization headers the first wins. */
function request(authorizations: readonly string[], url = '/mcp'): IncomingMessage {
  return {
    url,
    rawHeaders: ['Host', 'gateway', ...authorizations.flatMap((value) => ['Authorization', value])],
    headers: { host: 'gateway', ...(authorizations[0] !== undefined && { authorization: authorizations[0] }) },
  } as unknown as IncomingMessage;
}

describe('a token is read', () => {
  test.each([
    ['Bearer abc', 'abc', 'Bearer'],
    ['bearer abc', 'abc', 'Bearer'],
    ['BEARER abc', 'abc', 'Bearer'],
    ['Bearer   abc', 'abc', 'Bearer'],
    ['Bearer aA0-._~+/9==', 'aA0-._~+/9==', 'Bearer'],
    ['DPoP abc', 'abc', 'DPoP'],
    ['dpop abc', 'abc', 'DPoP'],
  ])('from %j (RFC 6750 section 2.1, RFC 9449 section 7.1)', (value, token, scheme) => {
    expect(readBearerToken(request([value]))).toEqual({ kind: 'token', token, scheme });
  });

  test('whatever the spelling of the header', () => {
    const req = { url: '/', rawHeaders: ['AUTHORIZATION', 'Bearer abc'], headers: {} } as unknown as IncomingMessage;
    expect(readBearerToken(req)).toMatchObject({ kind: 'token', token: 'abc' });
  });

  test('from the parsed header where it alone was set, and from the raw one where they differ', () => {
    const parsed = { url: '/', rawHeaders: [], headers: { authorization: 'Bearer abc' } } as unknown as IncomingMessage;
    expect(readBearerToken(parsed)).toMatchObject({ kind: 'token', token: 'abc' });
    const req = request(['Bearer raw']);
    req.headers.authorization = 'Bearer parsed';
    expect(readBearerToken(req)).toMatchObject({ token: 'raw' });
  });
});

describe('none is presented', () => {
  test('without the header', () => {
    expect(readBearerToken(request([]))).toEqual({ kind: 'none', reason: 'no token' });
  });

  test.each(['Basic eDp5', 'Negotiate abc', 'Bearerabc', 'BearerToken abc', 'Bearer,abc', 'abc', ''])(
    'with another scheme: %j gets a challenge without error (RFC 6750 section 3.1)',
    (value) => {
      expect(readBearerToken(request([value]))).toEqual({ kind: 'none', reason: 'another authentication scheme' });
    },
  );
});

describe('it is refused', () => {
  test.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer abc,',
    'Bearer "abc"',
    'Bearer a=b',
    'Bearer ==',
    'Bearer abc\t',
    'Bearer ábc',
    'Bearer token=abc',
    'DPoP',
  ])('where it is malformed: %j (RFC 6750 section 2.1)', (value) => {
    expect(readBearerToken(request([value]))).toEqual({ kind: 'refused', status: 401, reason: 'malformed token' });
  });

  test('where there are two, equal ones too: nobody picks one (RFC 9110 section 5.3)', () => {
    const refused = { kind: 'refused', status: 400, reason: 'several Authorization headers' };
    expect(readBearerToken(request(['Bearer a', 'Bearer b']))).toEqual(refused);
    expect(readBearerToken(request(['Bearer a', 'Bearer a']))).toEqual(refused);
    expect(readBearerToken(request(['Bearer a', 'Basic b']))).toEqual(refused);
  });

  test('from 4,097 characters on, and not before', () => {
    const value = (length: number) => `Bearer ${'a'.repeat(length - 'Bearer '.length)}`;
    expect(readBearerToken(request([value(4096)]))).toMatchObject({ kind: 'token' });
    expect(readBearerToken(request([value(4097)]))).toEqual({
      kind: 'refused',
      status: 400,
      reason: 'Authorization header too long',
    });
  });

  test.each([
    '/mcp?access_token=abc',
    '/mcp?a=1&access_token=abc',
    '/mcp?access_token',
    '/mcp?access_token=',
    '/mcp?%61ccess_token=abc',
    '/mcp?a?&access_token=abc',
  ])('where one is in the query too, whatever its value: %s (RFC 9700 section 4.3.2)', (url) => {
    const refused = { kind: 'refused', status: 400, reason: 'token in the query' };
    expect(readBearerToken(request(['Bearer abc'], url))).toEqual(refused);
    expect(readBearerToken(request([], url))).toEqual(refused);
  });

  test.each(['/mcp?access_tokens=1', '/mcp?token=1', '/mcp?a=access_token', '/access_token=1'])(
    'not for a query that only looks like it: %s',
    (url) => {
      expect(readBearerToken(request(['Bearer abc'], url))).toMatchObject({ kind: 'token' });
    },
  );

  test('with a reason that does not show it', () => {
    const secret = 'secret-token';
    const requests = [
      request([`Bearer ${secret} x`]),
      request([], `/?access_token=${secret}`),
      request([`Basic ${secret}`]),
    ];
    for (const req of requests) expect(JSON.stringify(readBearerToken(req))).not.toContain(secret);
  });
});
