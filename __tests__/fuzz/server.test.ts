import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { insides, startTarget, statusOf, type Target, type Tokens } from '../attacks/support.ts';
import { holds, limitMs } from '../helpers/properties.ts';

let target: Target;
let tokens: Tokens;
beforeAll(async () => {
  target = await startTarget({ options: () => ({ rateLimits: false, gateway: { dpop: true } }) });
  tokens = await target.tokens({ resource: `${target.url}/proxied` });
});
afterAll(() => target.close());

const word = fc.constantFrom(
  '',
  'a',
  '0',
  '-1',
  'null',
  '__proto__',
  'constructor',
  '%00',
  '%',
  '%ff',
  '%2e%2e',
  '..',
  '//',
  '\\',
  'https://evil.example/x',
  'http://127.0.0.2/',
  'javascript:alert(1)',
  '<script>',
  "' OR 1=1--",
  '{}',
  '[]',
  '[[',
  'eyJhbGciOiJub25lIn0.e30.',
  'a.b.c',
  'x'.repeat(3000),
  'S256',
  'plain',
  'code',
  'token',
  'none',
  'login',
  'query',
  'fragment',
  'form_post',
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'mcp:tools',
  'mcp:tools offline_access',
  '\u202e',
  '1e9',
);
const own = fc.constantFrom('client', 'redirect', 'resource', 'proxied', 'token', 'refresh', 'issuer', 'challenge');
const value = fc.oneof(
  { weight: 3, arbitrary: word },
  { weight: 3, arbitrary: own.map((name) => `:${name}:`) },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
);
const name = fc.constantFrom(
  'client_id',
  'redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'state',
  'resource',
  'code_challenge',
  'code_challenge_method',
  'prompt',
  'max_age',
  'nonce',
  'request',
  'request_uri',
  'login_hint',
  'acr_values',
  'claims',
  'ui_locales',
  'grant_type',
  'code',
  'code_verifier',
  'refresh_token',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'assertion',
  'token',
  'token_type_hint',
  'logout_token',
  'csrf',
  'decision',
  'iss',
  'error',
  'id_token_hint',
  'post_logout_redirect_uri',
  'link',
  'provider',
  'x[]',
  '__proto__[a]',
  'dpop_jkt',
  'audience',
  'access_token',
);
const path = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      '/oauth/authorize',
      '/oauth/token',
      '/oauth/register',
      '/oauth/par',
      '/oauth/revoke',
      '/oauth/introspect',
      '/oauth/jwks',
      '/oauth/callback',
      '/oauth/logout',
      '/oauth/logout/done',
      '/oauth/backchannel-logout',
      '/oauth/connections',
      '/oauth/connect/x',
      '/oauth/connect/callback',
      '/oauth/interaction/x',
      '/oauth/authorize/x',
      '/oauth/client-jwks',
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration/mcp',
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-client/x',
      '/mcp',
      '/other',
      '/proxied',
      '/public',
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(
        fc.constantFrom(
          'oauth',
          'authorize',
          '..',
          '%2e%2e',
          '',
          'mcp',
          '%00',
          '.well-known',
          'proxied',
          ';',
          '*',
          '%zz',
        ),
        { maxLength: 5 },
      )
      .map((parts) => `/${parts.join('/')}`),
  },
);
const header = fc.tuple(
  fc.constantFrom(
    'Authorization',
    'DPoP',
    'Cookie',
    'Origin',
    'Content-Type',
    'Content-Encoding',
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'Accept',
    'Accept-Language',
    'Mcp-Name',
    'Mcp-Method',
    'MCP-Protocol-Version',
    'Mcp-Session-Id',
    'Last-Event-ID',
    'Sec-Fetch-Site',
    'Range',
    'If-None-Match',
    'Expect',
    'Connection',
    'Upgrade',
    'TE',
    'X-HTTP-Method-Override',
    'Access-Control-Request-Method',
  ),
  fc.oneof(
    value,
    fc.constantFrom(
      'Bearer :token:',
      'Basic eDp5',
      'Bearer a.b.c',
      'DPoP x',
      'null',
      'application/json',
      'application/x-www-form-urlencoded',
      'gzip',
      'close',
      'cross-site',
      '2026-07-28',
      'tools/call',
      '=?base64?!?=',
    ),
  ),
);
const body = fc.oneof(
  fc.array(fc.tuple(name, value), { maxLength: 8 }).map((pairs) => new URLSearchParams(pairs).toString()),
  fc.jsonValue().map((json) => JSON.stringify(json)),
  fc
    .dictionary(
      fc.constantFrom(
        'redirect_uris',
        'client_name',
        'grant_types',
        'jwks',
        'scope',
        'jsonrpc',
        'id',
        'method',
        'params',
        '__proto__',
      ),
      fc.oneof(fc.jsonValue(), fc.array(value, { maxLength: 3 }), value),
    )
    .map((json) => JSON.stringify(json)),
  fc.string({ maxLength: 200 }),
);
const request = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'),
  path,
  query: fc.array(fc.tuple(name, value), { maxLength: 8 }),
  headers: fc.array(header, { maxLength: 5 }),
  type: fc.constantFrom(
    'application/x-www-form-urlencoded',
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    '',
  ),
  body,
});

/** Puts in what a client of this server really has. */
function filled(text: string): string {
  const known: Record<string, string> = {
    client: target.client.clientId,
    redirect: target.client.redirectUri,
    resource: `${target.url}/mcp`,
    proxied: `${target.url}/proxied`,
    token: tokens.access,
    refresh: tokens.refresh,
    issuer: target.url,
    challenge: 'c'.repeat(43),
  };
  return text
    .replace(/:(\w+):/g, (whole, key: string) => (Object.hasOwn(known, key) ? (known[key] as string) : whole))
    .replace(/%3A(\w+)%3A/g, (whole, key: string) =>
      Object.hasOwn(known, key) ? encodeURIComponent(known[key] as string) : whole,
    );
}

test(
  'no request makes the server fail or tell of its inside',
  () =>
    holds(
      fc.asyncProperty(fc.array(request, { minLength: 4, maxLength: 8 }), async (requests) => {
        for (const { method, path: at, query, headers, type, body: sent } of requests) {
          const search = new URLSearchParams(query).toString();
          const bytes = Buffer.from(method === 'GET' || method === 'HEAD' ? '' : filled(sent));
          const lines = [
            `${method} ${at}${search ? `?${filled(search)}` : ''} HTTP/1.1`,
            `Host: ${new URL(target.url).host}`,
            'Connection: close',
            ...(type ? [`Content-Type: ${type}`] : []),
            `Content-Length: ${bytes.length}`,
            ...headers.map(([key, text]) => `${key}: ${filled(text).replace(/[^\x20-\x7e]/g, '')}`),
          ];
          const answer = await target.raw(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]));
          const status = statusOf(answer);
          expect([lines[0], status >= 200 && status < 500 && status !== 500]).toEqual([lines[0], true]);
          if (status !== 404) expect(answer).not.toMatch(insides);
          expect(answer).not.toContain('<script>');
          expect(/^location: https?:\/\/evil\.example/im.test(answer)).toBe(false);
        }
        expect(target.gateway.events.filter((event) => event.type === 'server.error')).toEqual([]);
        target.gateway.events.length = 0;
      }),
      120,
    ),
  limitMs,
);
