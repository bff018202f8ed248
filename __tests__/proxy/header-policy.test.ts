import { describe, expect, test } from '@jest/globals';
import { requestPolicy, responsePolicy } from '../../lib/proxy/header-policy.ts';
import type { Header } from '../../lib/shared/header-list.ts';

/** Names that pass, of headers whose value means nothing. */
function passing(policy: typeof requestPolicy, names: readonly string[]): string[] {
  return policy(names.map((name) => [name, 'value'])).map(([name]) => name);
}

const mcp = ['Mcp-Session-Id', 'MCP-Protocol-Version', 'Mcp-Method', 'Mcp-Name', 'Mcp-Param-Region', 'mcp-x'];

describe('to the upstream', () => {
  test('go what describes the message, what MCP defines, and traces; in their spelling and order', () => {
    const names = [
      'Accept',
      'accept-language',
      'Cache-Control',
      'CONTENT-TYPE',
      'content-length',
      'content-encoding',
      'Last-Event-ID',
      'traceparent',
      'tracestate',
      'User-Agent',
      ...mcp,
    ];
    expect(passing(requestPolicy, names)).toEqual(names);
  });

  test.each([
    [
      'credentials (MCP 2026-07-28, Token Passthrough)',
      ['Authorization', 'Proxy-Authorization', 'Cookie', 'DPoP', 'X-Api-Key'],
    ],
    [
      'where the request came from (RFC 7239 section 8.1)',
      ['X-Forwarded-For', 'X-Forwarded-Host', 'Forwarded', 'Via', 'X-Real-IP'],
    ],
    [
      'an identity (CVE-2025-64484)',
      ['X-User', 'X-Forwarded-User', 'X-Forwarded-Email', 'X-Auth-Request-User', 'Remote-User'],
    ],
    ['another route or method', ['Host', 'X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'Destination']],
    ['a proxy of the environment (CVE-2016-5385)', ['Proxy']],
    [
      'the connection (RFC 9110 section 7.6.1)',
      ['Connection', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Expect'],
    ],
    ['web pages', ['Origin', 'Referer', 'Sec-Fetch-Site', 'Access-Control-Request-Method']],
    ['conditions, ranges and codings of the answer', ['If-None-Match', 'Range', 'Accept-Encoding']],
    [
      'allowed names with underscores (CVE-2025-64484)',
      ['mcp_session_id', 'Mcp-Session_Id', 'content_type', 'user_agent'],
    ],
    ['names that look like those of MCP', ['mcp', 'mcp-', 'xmcp-session-id', 'mcp-session.id', 'mcp-séssion']],
    ['names of object members', ['__proto__', 'constructor', 'toString']],
  ])('goes nothing about %s', (_what, names) => {
    expect(passing(requestPolicy, names)).toEqual([]);
  });
});

describe('to the client', () => {
  test('goes what describes the message, what MCP defines, and when to come back', () => {
    const names = [
      'Allow',
      'Cache-Control',
      'Content-Encoding',
      'content-language',
      'Content-Length',
      'content-type',
      'Date',
      'ETag',
      'expires',
      'last-modified',
      'Retry-After',
      'Transfer-Encoding',
      'X-Accel-Buffering',
      ...mcp,
    ];
    expect(passing(responsePolicy, names)).toEqual(names);
  });

  test.each([
    ['cookies', ['Set-Cookie', 'Set-Cookie2']],
    ['challenges (RFC 9728 section 7.7)', ['WWW-Authenticate', 'Proxy-Authenticate', 'Authentication-Info']],
    [
      'who may read it',
      ['Access-Control-Allow-Origin', 'Access-Control-Allow-Credentials', 'Cross-Origin-Resource-Policy'],
    ],
    ['other places', ['Location', 'Content-Location', 'Refresh', 'Link', 'Alt-Svc']],
    ['what runs there', ['Server', 'X-Powered-By', 'Via', 'X-Served-By']],
    [
      "the gateway's own security",
      ['Strict-Transport-Security', 'Content-Security-Policy', 'Clear-Site-Data', 'Public-Key-Pins'],
    ],
    ['the connection', ['Connection', 'Keep-Alive', 'Upgrade', 'Trailer']],
    ['allowed names with underscores', ['mcp_session_id', 'content_type']],
  ])('goes nothing about %s', (_what, names) => {
    expect(passing(responsePolicy, names)).toEqual([]);
  });
});

describe('headers that Connection names for one hop (RFC 9110 section 7.6.1)', () => {
  const headers: readonly Header[] = [
    ['Connection', 'close, Mcp-Session-Id ,, x-other'],
    ['connection', 'TRACEPARENT'],
    ['Mcp-Session-Id', '1'],
    ['mcp-session-id', '2'],
    ['Mcp-Name', '3'],
    ['traceparent', '4'],
    ['X-Other', '5'],
    ['Content-Type', '6'],
  ];

  test.each([
    ['to the upstream', requestPolicy],
    ['to the client', responsePolicy],
  ])('stop here, on the way %s', (_way, policy) => {
    expect(policy(headers)).toEqual([
      ['Mcp-Name', '3'],
      ['Content-Type', '6'],
    ]);
  });
});

test('repeated headers stay repeated and in order, and the list given is not changed', () => {
  const headers: readonly Header[] = [
    ['Accept', 'application/json'],
    ['Cookie', 'a=1'],
    ['accept', 'text/event-stream'],
  ];
  const before = structuredClone(headers);
  expect(requestPolicy(headers)).toEqual([
    ['Accept', 'application/json'],
    ['accept', 'text/event-stream'],
  ]);
  expect(headers).toEqual(before);
});
