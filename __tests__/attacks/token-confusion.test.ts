/** Token confusion: algorithm, type, key, issuer and audience of access tokens, DPoP, tokens in the wrong place */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose';
import { createDpopKey, type DpopKey } from '../dpop/support.ts';
import { type Answer, createOAuthClient, type OAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { insides, request, startTarget, statusOf, type Target } from './support.ts';

let target: Target;
let token: string;
let published: JWK;
beforeAll(async () => {
  target = await startTarget({
    options: () => ({ gateway: { accessTokenFormat: 'jwt', dpop: true, tokenCacheSeconds: 0 } }),
  });
  ({ access: token } = await target.tokens());
  const { json } = await send(`${target.url}/oauth/jwks`);
  published = ((json?.keys ?? []) as JWK[])[0] as JWK;
});
afterAll(() => target.close());

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const head = () => decodeProtectedHeader(token);
const body = () => decodeJwt(token);
const signatureOf = () => token.split('.')[2] as string;

function expectRefused(answer: Answer, status = 401): void {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('www-authenticate')).toMatch(/^(?:Bearer|DPoP) .*resource_metadata="/);
  expect(answer.text).not.toMatch(insides);
  expect(answer.text).not.toContain('alice');
}

it('the token itself is good', async () => {
  expect(head().typ).toBe('at+jwt');
  expect((await target.call(token)).status).toBe(200);
});

describe('a token that was changed or made is refused (RFC 8725, RFC 9068 section 4)', () => {
  it.each(['none', 'None', 'nOnE', '', 'HS256', 'HS384', 'ES384', 'RS256', 'PS256', 'EdDSA', 'ES256K'])(
    'alg %j over the same claims',
    async (alg) => {
      for (const signature of [signatureOf(), 'AA', ''])
        expectRefused(await target.call(`${part({ ...head(), alg })}.${part(body())}.${signature}`));
    },
  );

  it('an HMAC under the public key, in any form of it', async () => {
    const key = await importJWK(published, 'ES256');
    const forms = [
      await exportSPKI(key as never),
      JSON.stringify(published),
      String(published.x),
      '',
      'a secret of the tests, long enough for everyone',
    ];
    for (const secret of forms) {
      const text = `${part({ ...head(), alg: 'HS256' })}.${part(body())}`;
      expectRefused(await target.call(`${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`));
    }
  });

  it.each([
    'JWT',
    'jwt',
    'application/JWT',
    'id+jwt',
    'logout+jwt',
    'dpop+jwt',
    'oauth-id-jag+jwt',
    'identity+jwt',
    'AT+JWT2',
    7,
    null,
    ['at+jwt'],
  ])('typ %j', async (typ) => {
    expectRefused(await target.call(`${part({ ...head(), typ })}.${part(body())}.${signatureOf()}`));
  });

  it('another key: under the own key id, brought along, or pointed to', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const jwk = await exportJWK(publicKey);
    for (const header of [
      {},
      { jwk },
      { jku: 'https://client.example/jwks' },
      { x5u: 'https://client.example/x' },
      { kid: 'other' },
      { kid: undefined },
      { kid: '../../../../dev/null' },
      { kid: '__proto__' },
    ]) {
      const { kid = published.kid, ...rest } = header as { kid?: string };
      expectRefused(
        await target.call(
          await new SignJWT(body())
            .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: kid as string, ...rest })
            .sign(privateKey),
        ),
      );
    }
    expect([target.host.requests, target.host.lookups]).toEqual([[], []]);
  });

  it.each<[string, (claims: Record<string, unknown>) => Record<string, unknown>]>([
    ['subject', (claims) => ({ ...claims, sub: 'bob' })],
    ['audience', (claims) => ({ ...claims, aud: 'https://evil.example' })],
    ['scope', (claims) => ({ ...claims, scope: 'mcp:tools admin' })],
    ['end', (claims) => ({ ...claims, exp: 9_999_999_999 })],
    ['client', (claims) => ({ ...claims, client_id: 'other' })],
    ['grant', ({ gid: _, ...claims }) => claims],
  ])('changed claims under the old signature: %s', async (_what, change) => {
    expectRefused(await target.call(`${token.split('.')[0]}.${part(change(body()))}.${signatureOf()}`));
  });

  it.each<[string, (text: string) => string]>([
    ['without signature', (text) => text.replace(/[^.]+$/, '')],
    ['with half of it', (text) => text.slice(0, -20)],
    ['with padding', (text) => `${text}=`],
    ['with another last character', (text) => `${text.slice(0, -2)}${text.at(-2) === 'A' ? 'B' : 'A'}${text.at(-1)}`],
    ['with a part more', (text) => `${text}.x`],
    ['with a dot more', (text) => `${text}.`],
    [
      'with a zero signature (CVE-2022-21449)',
      (text) => text.replace(/[^.]+$/, Buffer.alloc(64).toString('base64url')),
    ],
    ['in capitals', (text) => text.toUpperCase()],
    ['with a header of depth', (text) => text.replace(/^[^.]+/, Buffer.from('['.repeat(2000)).toString('base64url'))],
    ['with a header that is a list', (text) => text.replace(/^[^.]+/, part([]))],
    ['as JSON serialisation', (text) => Buffer.from(JSON.stringify({ payload: text })).toString('base64')],
  ])('%s', async (_what, change) => {
    const answer = await target.call(change(token));
    expectRefused(answer, answer.status === 400 ? 400 : 401);
  });

  it('of another resource, and of another server with the same people (RFC 8707)', async () => {
    expectRefused(await target.call(token, '/other'));
    const other = await startTarget({ options: () => ({ gateway: { accessTokenFormat: 'jwt' } }) });
    try {
      expectRefused(await other.call(token));
      expectRefused(await target.call((await other.tokens()).access));
    } finally {
      await other.close();
    }
  });
});

describe('what is no access token is refused as one', () => {
  it('a code, a refresh token, a client id, an interaction, a cookie', async () => {
    const browser = target.browser();
    const code = await target.code({ browser });
    const { refresh } = await target.tokens();
    const cookies = browser.cookies(target.url).map(({ value }) => value);
    for (const wrong of [code, refresh, target.client.clientId, ...cookies].filter((value) => /^[\w.-]+$/.test(value)))
      expectRefused(await target.call(wrong));
  });

  it.each([
    '',
    'x',
    '.',
    '..',
    '...',
    'null',
    'undefined',
    '__proto__',
    'constructor',
    'toString',
    '0',
    'a'.repeat(4000),
    "' OR 1=1--",
    '%00',
    '../../etc/passwd',
    '{}',
    '*',
  ])('%j', async (text) => {
    const answer = await send(`${target.url}/mcp`, { headers: { authorization: `Bearer ${text}` } });
    expect([400, 401]).toContain(answer.status);
    expect(answer.text).not.toMatch(insides);
  });
});

describe('a token elsewhere than in one Authorization header is none (RFC 6750 section 2, MCP, Token Requirements)', () => {
  it('in the query, the body, a cookie or another header', async () => {
    const answers = [
      await send(`${target.url}/mcp?access_token=${token}`),
      await postForm(`${target.url}/mcp`, { access_token: token }),
      await send(`${target.url}/mcp`, { headers: { cookie: `access_token=${token}; token=${token}` } }),
      await send(`${target.url}/mcp`, {
        headers: {
          'x-access-token': token,
          'proxy-authorization': `Bearer ${token}`,
          'x-authorization': `Bearer ${token}`,
        },
      }),
      await send(`${target.url}/mcp?access_token=${token}`, { headers: { authorization: `Bearer ${token}` } }),
    ];
    for (const { status } of answers) expect([400, 401]).toContain(status);
  });

  it.each(['Basic', 'Token', 'Bearer:', 'Bearer,', 'BearerX', 'Negotiate', ''])(
    'with the scheme %j',
    async (scheme) => {
      const answer = await send(`${target.url}/mcp`, { headers: { authorization: `${scheme} ${token}`.trim() } });
      expect(answer.status).toBe(401);
    },
  );

  it('in two headers, whichever is good', async () => {
    const host = new URL(target.url).host;
    for (const pair of [
      [token, 'x'],
      ['x', token],
      [token, token],
    ]) {
      const lines = pair.map((value) => `Authorization: Bearer ${value}`);
      expect(statusOf(await target.raw(request('GET /mcp HTTP/1.1', [`Host: ${host}`, ...lines])))).toBe(400);
    }
  });

  it.each(['bearer', 'BEARER', 'bEaReR'])('but %s is Bearer (RFC 9110 section 11.1)', async (scheme) => {
    expect((await send(`${target.url}/mcp`, { headers: { authorization: `${scheme} ${token}` } })).status).toBe(200);
  });

  it('with two tokens in one header', async () => {
    for (const value of [
      `Bearer ${token}, Bearer x`,
      `Bearer ${token} ${token}`,
      `Bearer x,${token}`,
      `Bearer "${token}"`,
    ])
      expect((await send(`${target.url}/mcp`, { headers: { authorization: value } })).status).toBe(401);
  });

  it('with control characters: the server never sees it', async () => {
    const host = new URL(target.url).host;
    for (const bad of ['\0', '\x01', '\r', '\x7f'])
      expect([400, 401]).toContain(
        statusOf(
          await target.raw(request('GET /mcp HTTP/1.1', [`Host: ${host}`, `Authorization: Bearer ${token}${bad}`])),
        ),
      );
  });
});

describe('DPoP (RFC 9449 section 7)', () => {
  let client: OAuthClient;
  let key: DpopKey;
  let bound: string;
  const mcp = () => `${target.url}/mcp`;
  const use = (headers: Record<string, string>, path = '/mcp', method = 'GET') =>
    send(target.url + path, { method, headers });
  beforeAll(async () => {
    client = await createOAuthClient(target.url);
    key = await createDpopKey();
    const code = await target.code({ client });
    const { json } = await client.redeem(
      code,
      {},
      { dpop: await key.proof({ method: 'POST', url: `${target.url}/oauth/token` }) },
    );
    bound = String(json?.access_token);
  });

  it('a bound token serves with its proof', async () => {
    const dpop = await key.proof({ method: 'GET', url: mcp(), token: bound });
    expect((await use({ authorization: `DPoP ${bound}`, dpop })).status).toBe(200);
  });

  it('a bound token is no bearer token, with a proof or without', async () => {
    const dpop = await key.proof({ method: 'GET', url: mcp(), token: bound });
    for (const headers of [{}, { dpop }]) expectRefused(await use({ authorization: `Bearer ${bound}`, ...headers }));
  });

  it('a bearer token is no bound token', async () => {
    const dpop = await key.proof({ method: 'GET', url: mcp(), token });
    expectRefused(await use({ authorization: `DPoP ${token}`, dpop }));
  });

  it('a proof serves once (replay)', async () => {
    const dpop = await key.proof({ method: 'GET', url: mcp(), token: bound });
    const answers = await Promise.all(Array.from({ length: 8 }, () => use({ authorization: `DPoP ${bound}`, dpop })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it.each<[string, () => Promise<string>]>([
    ['none', async () => ''],
    ['of another key', async () => (await createDpopKey()).proof({ method: 'GET', url: mcp(), token: bound })],
    ['of another token', () => key.proof({ method: 'GET', url: mcp(), token })],
    ['of no token', () => key.proof({ method: 'GET', url: mcp() })],
    ['of another method', () => key.proof({ method: 'POST', url: mcp(), token: bound })],
    ['of another path', () => key.proof({ method: 'GET', url: `${target.url}/other`, token: bound })],
    ['of another host', () => key.proof({ method: 'GET', url: 'https://evil.example/mcp', token: bound })],
    ['of long ago', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { claims: { iat: 1 } })],
    ['of the future', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { claims: { iat: 9_999_999_999 } })],
    ['without time', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { claims: { iat: undefined } })],
    ['without id', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { claims: { jti: undefined } })],
    [
      'with a huge id',
      () => key.proof({ method: 'GET', url: mcp(), token: bound }, { claims: { jti: 'x'.repeat(3000) } }),
    ],
    ['of another type', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { header: { typ: 'JWT' } })],
    ['without its key', () => key.proof({ method: 'GET', url: mcp(), token: bound }, { header: { jwk: undefined } })],
    [
      'with a private key',
      () => key.proof({ method: 'GET', url: mcp(), token: bound }, { header: { jwk: { ...key.jwk, d: 'AAAA' } } }),
    ],
    [
      'with a symmetric key',
      async () =>
        `${part({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } })}.${part({ htm: 'GET', htu: mcp(), iat: Math.floor(Date.now() / 1000), jti: randomUUID(), ath: createHash('sha256').update(bound).digest('base64url') })}.AAAA`,
    ],
    [
      'with no algorithm',
      async () =>
        `${part({ typ: 'dpop+jwt', alg: 'none', jwk: key.jwk })}.${part({ htm: 'GET', htu: mcp(), iat: Math.floor(Date.now() / 1000), jti: randomUUID() })}.`,
    ],
    ['that is the token', async () => bound],
    ['that is no JWT', async () => 'x'],
  ])('a proof %s is refused', async (_what, proof) => {
    expectRefused(await use({ authorization: `DPoP ${bound}`, dpop: await proof() }));
  });

  it('two proofs are refused', async () => {
    const host = new URL(target.url).host;
    const proofs = [
      await key.proof({ method: 'GET', url: mcp(), token: bound }),
      await key.proof({ method: 'GET', url: mcp(), token: bound }),
    ];
    const raw = await target.raw(
      request('GET /mcp HTTP/1.1', [
        `Host: ${host}`,
        `Authorization: DPoP ${bound}`,
        ...proofs.map((proof) => `DPoP: ${proof}`),
      ]),
    );
    expect(statusOf(raw)).toBe(401);
  });

  it('neither proof nor bound token reaches an upstream', async () => {
    const code = await target.code({ client, asked: { resource: `${target.url}/proxied` } });
    const { json } = await client.redeem(
      code,
      { resource: `${target.url}/proxied` },
      { dpop: await key.proof({ method: 'POST', url: `${target.url}/oauth/token` }) },
    );
    const access = String(json?.access_token);
    const dpop = await key.proof({ method: 'GET', url: `${target.url}/proxied`, token: access });
    expect((await use({ authorization: `DPoP ${access}`, dpop }, '/proxied')).status).toBe(200);
    expect(JSON.stringify(target.upstream.received)).not.toContain(access.slice(0, 40));
    expect(JSON.stringify(target.upstream.received).toLowerCase()).not.toContain('"dpop"');
  });
});
