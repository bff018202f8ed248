/** Prototype names, wrong kinds, depth and size in every place that takes JSON, forms, queries and headers */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { callbackOf, createOAuthClient, type Parameters, postForm, register, send } from '../helpers/oauth-client.ts';
import { insides, startTarget, type Target, type Tokens } from './support.ts';

let target: Target;
let tokens: Tokens;
beforeAll(async () => {
  target = await startTarget();
  tokens = await target.tokens({ resource: `${target.url}/proxied` });
});
afterAll(() => target.close());

const plain = Object.getOwnPropertyNames(Object.prototype).sort();
afterEach(async () => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plain);
  expect(Object.getOwnPropertyNames(Array.prototype)).not.toContain('polluted');
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  target.reset();
});

const members = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
  '__lookupSetter__',
  'isPrototypeOf',
];
const paths = [
  '__proto__[polluted]',
  '__proto__.polluted',
  'constructor[prototype][polluted]',
  'constructor.prototype.polluted',
  '[__proto__][polluted]',
  '__proto__[]',
  'a[__proto__][polluted]',
  '__proto__%5Bpolluted%5D',
];
const statusBelow500 = (status: number) => expect(status).toBeLessThan(500);

describe.each(members)('%s', (name) => {
  it('is no client, resource, scope, state, code or token (CWE-1321)', async () => {
    const page = await send(target.client.authorizeUrl({ client_id: name }));
    expect([page.status, page.headers.get('location')]).toEqual([400, null]);
    for (const parameter of [
      'resource',
      'scope',
      'response_type',
      'response_mode',
      'prompt',
      'code_challenge_method',
      'display',
      'acr_values',
      'ui_locales',
      'login_hint',
      'claims',
      'request',
      'request_uri',
      'max_age',
      'nonce',
    ])
      statusBelow500((await send(target.client.authorizeUrl({ [parameter]: name }))).status);
    for (const parameter of [
      'grant_type',
      'client_id',
      'code',
      'refresh_token',
      'resource',
      'scope',
      'client_assertion_type',
      'client_assertion',
      'assertion',
    ]) {
      const answer = await target.client.redeem('x', { [parameter]: name });
      expect([400, 401]).toContain(answer.status);
      expect(answer.text).not.toMatch(insides);
    }
    expect((await target.call(name)).status).toBe(401);
    expect((await send(`${target.url}/oauth/callback?state=${name}&code=${name}`)).status).toBe(400);
    expect((await send(`${target.url}/oauth/callback/${name}`)).status).toBe(404);
    for (const path of ['interaction', 'connect', 'authorize'])
      statusBelow500((await send(`${target.url}/oauth/${path}/${name}`)).status);
  });

  it('as the name of a parameter, a header or a cookie does nothing', async () => {
    expect((await send(target.client.authorizeUrl({ [name]: 'polluted' }))).status).toBe(303);
    statusBelow500((await target.client.redeem('x', { [name]: 'polluted' })).status);
    const headers = { cookie: `${name}=polluted; ${name}.sig=x; mcp_session_x=${name}`, 'x-polluted': name };
    expect((await send(target.client.authorizeUrl(), { headers })).status).toBe(303);
  });

  it('as a member of metadata does nothing', async () => {
    for (const value of [
      '"x"',
      '{"polluted":true}',
      '[]',
      'null',
      '{"toString":"x","constructor":{"prototype":{"polluted":1}}}',
    ]) {
      const answer = await register(target.url, `{"redirect_uris":["https://client.example/cb"],"${name}":${value}}`);
      expect([201, 400]).toContain(answer.status);
      expect(answer.text).not.toContain('polluted');
    }
  });

  it('as the method or name of a call passes as data, and nowhere else', async () => {
    const body = `{"jsonrpc":"2.0","id":1,"method":"${name}","params":{"name":"${name}","arguments":{"__proto__":{"polluted":1}}}}`;
    const headers = {
      authorization: `Bearer ${tokens.access}`,
      'content-type': 'application/json',
      'mcp-method': name,
      'mcp-name': name,
    };
    const { status } = await send(`${target.url}/proxied`, { headers, body });
    expect([200, 400]).toContain(status);
    for (const sent of target.upstream.received) expect(sent.body).toBe(body);
  });
});

it.each(paths)('%s in a query, a form or a body pollutes nothing', async (path) => {
  statusBelow500((await send(`${target.client.authorizeUrl()}&${path}=1`)).status);
  for (const endpoint of ['token', 'par', 'revoke', 'introspect', 'backchannel-logout'])
    statusBelow500(
      (
        await send(`${target.url}/oauth/${endpoint}`, {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: `${path}=1&client_id=${target.client.clientId}`,
        })
      ).status,
    );
  statusBelow500(
    (await send(`${target.url}/mcp?${path}=1`, { headers: { authorization: `Bearer ${tokens.access}` } })).status,
  );
});

it('a client is what it was after all of that', async () => {
  const client = await createOAuthClient(target.url);
  expect(callbackOf(await target.signIn({ client }))).toHaveProperty('code');
});

describe('wrong kinds (CWE-843)', () => {
  const kinds = [
    'null',
    '7',
    '-0',
    '1e999',
    'true',
    '""',
    '"x"',
    '[]',
    '[[]]',
    '{}',
    '[null]',
    '[{}]',
    '{"length":1,"0":"x"}',
    '["a",["b"]]',
    '"\\u0000"',
    '"\\ud800"',
  ];
  it.each([
    'redirect_uris',
    'grant_types',
    'response_types',
    'client_name',
    'client_uri',
    'logo_uri',
    'scope',
    'contacts',
    'tos_uri',
    'policy_uri',
    'jwks',
    'jwks_uri',
    'software_id',
    'software_version',
    'application_type',
    'token_endpoint_auth_method',
    'default_max_age',
    'post_logout_redirect_uris',
    'software_statement',
    'client_id',
  ])('of %s never break a registration', async (member) => {
    for (const kind of kinds) {
      const own = member === 'redirect_uris' ? '' : '"redirect_uris":["https://client.example/cb"],';
      const answer = await register(target.url, `{${own}"${member}":${kind}}`);
      expect([member, kind, [201, 400].includes(answer.status)]).toEqual([member, kind, true]);
      expect(answer.text).not.toMatch(insides);
    }
  });
});

describe('depth and size (CWE-674, CWE-400)', () => {
  const deep = (times: number, open = '[', close = ']') => open.repeat(times) + close.repeat(times);

  it.each<[string, string]>([
    ['a list in lists', deep(7000)],
    ['objects in objects', `${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`],
    ['a list that never ends', '['.repeat(15_000)],
    ['a long text', `"${'x'.repeat(15_000)}"`],
    ['a long number', '9'.repeat(15_000)],
    ['many members', `{${Array.from({ length: 1500 }, (_, index) => `"a${index}":1`).join()}}`],
    ['one member many times', `{${'"redirect_uris":["https://client.example/cb"],'.repeat(300)}"x":1}`],
  ])('of a registration: %s', async (_what, body) => {
    const answer = await register(target.url, body);
    expect([201, 400, 413]).toContain(answer.status);
    expect(answer.text).not.toMatch(insides);
  });

  it.each<[string, () => Parameters]>([
    [
      'ten thousand parameters',
      () => Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`p${index}`, '1'])),
    ],
    ['one of a hundred thousand characters', () => ({ code: 'x'.repeat(100_000) })],
    ['a name of ten thousand characters', () => ({ ['x'.repeat(10_000)]: '1' })],
    ['a scope of ten thousand', () => ({ scope: 'a '.repeat(10_000) })],
    ['a resource of ten thousand', () => ({ resource: `${target.url}/${'a/'.repeat(5000)}` })],
    ['one many times', () => ({ resource: Array.from({ length: 500 }, () => `${target.url}/mcp`) })],
    ['brackets', () => ({ [`a${'[b]'.repeat(3000)}`]: '1' })],
  ])('of a token request: %s', async (_what, parameters) => {
    const answer = await target.client.redeem('x', parameters());
    expect([400, 401, 413]).toContain(answer.status);
    expect(answer.text).not.toMatch(insides);
  });

  it('of an authorization request, its cookies and its path', async () => {
    for (const asked of [
      { state: 'x'.repeat(12_000) },
      { scope: 'a '.repeat(5000) },
      { nonce: 'x'.repeat(12_000) },
      { claims: deep(4000) },
      { ui_locales: 'de '.repeat(3000) },
      { login_hint: 'x'.repeat(12_000) },
      { resource: Array.from({ length: 200 }, () => target.url) },
    ])
      statusBelow500((await send(target.client.authorizeUrl(asked as Parameters))).status);
    const cookies = [
      Array.from({ length: 400 }, (_, index) => `a${index}=1`).join('; '),
      `a=${'x'.repeat(9000)}`,
      ';'.repeat(5000),
      '='.repeat(5000),
      `mcp_session_${'x'.repeat(5000)}=1`,
      Array.from({ length: 300 }, (_, index) => `mcp_login_${index}=x`).join('; '),
    ];
    for (const cookie of cookies) {
      statusBelow500((await send(target.client.authorizeUrl(), { headers: { cookie } })).status);
      statusBelow500(
        (await send(`${target.url}/oauth/callback?state=${'x'.repeat(43)}`, { headers: { cookie } })).status,
      );
    }
  });

  it('of a call: what is nested deeper than parsers agree on reaches no upstream, or passes as bytes', async () => {
    const headers = { authorization: `Bearer ${tokens.access}`, 'content-type': 'application/json' };
    for (const body of [
      deep(20_000),
      '['.repeat(50_000),
      `{"jsonrpc":"2.0","id":1,"method":"x","params":${deep(5000, '{"a":', '}').replace('}', '1}')}}`,
      `"${'x'.repeat(100_000)}"`,
    ]) {
      const { status, text } = await send(`${target.url}/proxied`, { headers, body });
      expect([200, 400, 413]).toContain(status);
      expect(text).not.toMatch(insides);
    }
    for (const sent of target.upstream.received) expect(sent.url).toBe('/upstream/mcp');
  });

  it('compressed bodies are not unpacked (CWE-409)', async () => {
    const body = Buffer.from('1f8b08000000000000ff', 'hex');
    for (const [path, type] of [
      ['register', 'application/json'],
      ['token', 'application/x-www-form-urlencoded'],
      ['par', 'application/x-www-form-urlencoded'],
      ['revoke', 'application/x-www-form-urlencoded'],
    ])
      for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'x'])
        expect(
          (
            await send(`${target.url}/oauth/${path}`, {
              headers: { 'content-type': type as string, 'content-encoding': coding },
              body,
            })
          ).status,
        ).toBe(400);
  });
});

describe('text that a store may not hold', () => {
  it.each(['\0', 'a\0b', '\ud800', '\udfff', '\ufffe', '\u202e', '%00', '%', '%zz', '%c0%ae', '\r\n'])(
    '%j is no failure of ours anywhere',
    async (text) => {
      // A lone surrogate has no UTF-8: its bytes go as they would be spelled.
      const raw = /^[\ud800-\udfff]$/.test(text) ? '%ED%A0%80' : encodeURIComponent(text);
      for (const name of ['client_id', 'state', 'scope', 'resource', 'login_hint', 'ui_locales', 'acr_values'])
        statusBelow500(
          (
            await send(
              `${target.url}/oauth/authorize?client_id=${target.client.clientId}&${name}=${raw}&response_type=code`,
            )
          ).status,
        );
      for (const name of ['code', 'refresh_token', 'client_id', 'resource', 'scope', 'token', 'client_secret'])
        statusBelow500(
          (
            await send(`${target.url}/oauth/token`, {
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              body: `grant_type=refresh_token&client_id=${target.client.clientId}&${name}=${raw}`,
            })
          ).status,
        );
      statusBelow500(
        (
          await postForm(`${target.url}/oauth/introspect`, {
            token: decodeURIComponent(encodeURIComponent(text.replace(/[\ud800-\udfff]/g, '\ufffd'))),
            client_id: target.client.clientId,
          })
        ).status,
      );
      statusBelow500((await send(`${target.url}/oauth/interaction/${raw}`)).status);
      statusBelow500((await send(`${target.url}/.well-known/oauth-protected-resource/${raw}`)).status);
    },
  );
});
