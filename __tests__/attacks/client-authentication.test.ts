/** Client authentication: missing, wrong, doubled, contradictory, malformed and forged credentials */
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import {
  type Answer,
  basic,
  createOAuthClient,
  type OAuthClient,
  type Parameters,
  postForm,
  send,
} from '../helpers/oauth-client.ts';
import { distantStorage, insides, startTarget, type Target } from './support.ts';

let target: Target;
let byBasic: OAuthClient;
let byPost: OAuthClient;
let key: Awaited<ReturnType<typeof generateKeyPair>>;
let stranger: Awaited<ReturnType<typeof generateKeyPair>>;
const now = () => Math.floor(Date.now() / 1000);
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

beforeAll(async () => {
  key = await generateKeyPair('RS256', { extractable: true });
  stranger = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(key.publicKey)), kid: 'own', alg: 'RS256', use: 'sig' };
  target = await startTarget({
    options: () => ({
      storage: distantStorage(),
      // Not among `clients`: of those oidc-provider makes copies that are no plain objects to it in this test runner.
      loadClient: async (client_id: string) =>
        client_id === 'by-key'
          ? {
              client_id,
              token_endpoint_auth_method: 'private_key_jwt',
              jwks: { keys: [jwk] },
              grant_types: ['client_credentials'],
            }
          : undefined,
      clients: [
        {
          client_id: 'by-secret',
          client_secret: 'a secret of the machine, long enough',
          grant_types: ['client_credentials'],
        },
      ],
    }),
  });
  byBasic = await createOAuthClient(target.url, { token_endpoint_auth_method: 'client_secret_basic' });
  byPost = await createOAuthClient(target.url, { token_endpoint_auth_method: 'client_secret_post' });
});
afterAll(() => target.close());

const token = (parameters: Parameters, headers?: Record<string, string>) =>
  postForm(
    `${target.url}/oauth/token`,
    { grant_type: 'client_credentials', resource: `${target.url}/mcp`, ...parameters },
    headers,
  );

/** RFC 6749 section 5.2: 401 `invalid_client` or 400, as JSON that no cache keeps, and never a token. */
function expectRefused({ status, headers, json, text }: Answer): void {
  expect([400, 401]).toContain(status);
  expect(json).toHaveProperty('error');
  expect(json).not.toHaveProperty('access_token');
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(headers.get('cache-control')).toContain('no-store');
  expect(text).not.toMatch(insides);
  expect(text).not.toContain('secret of the machine');
}

describe('a client with a secret', () => {
  const secret = 'a secret of the machine, long enough';
  const raw = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

  it('is let in with it', async () => {
    expect((await token({}, basic('by-secret', secret))).status).toBe(200);
  });

  it.each<[string, Parameters, Record<string, string>]>([
    ['nothing', {}, {}],
    ['its name alone', { client_id: 'by-secret' }, {}],
    ['an empty secret', { client_id: 'by-secret', client_secret: '' }, {}],
    ['a wrong secret', {}, basic('by-secret', 'wrong')],
    ['a part of its secret', {}, basic('by-secret', secret.slice(0, -1))],
    ['more than its secret', {}, basic('by-secret', `${secret}x`)],
    ['its secret and NUL', {}, basic('by-secret', `${secret}\0`)],
    ['its secret in other case', {}, basic('by-secret', secret.toUpperCase())],
    ['a list of secrets', { client_id: 'by-secret', client_secret: [secret, 'x'] }, {}],
    ['its secret twice', { client_id: 'by-secret', client_secret: [secret, secret] }, {}],
    ['a secret of prototypes', { client_id: 'by-secret', client_secret: '__proto__' }, {}],
    ['the name of prototypes', {}, basic('__proto__', secret)],
    ['the name of an inherited member', {}, basic('constructor', secret)],
    ['an unknown name', {}, basic('nobody', secret)],
    ['both ways at once, one wrong', { client_id: 'by-secret', client_secret: 'wrong' }, basic('by-secret', secret)],
    ['both ways at once, both right', { client_id: 'by-secret', client_secret: secret }, basic('by-secret', secret)],
    ['another name in the body', { client_id: 'by-key' }, basic('by-secret', secret)],
    ['a header that is no base64', {}, { authorization: 'Basic %%%' }],
    ['a header without a colon', {}, raw('by-secret')],
    ['a header with a broken escape', {}, raw('%E0%A4%A:x')],
    ['a header with NUL', {}, raw('by-secret\0:x')],
    ['an empty header', {}, { authorization: 'Basic' }],
    ['an empty pair', {}, raw(':')],
    ['another scheme', {}, { authorization: `Digest username="by-secret"` }],
    ['a bearer token', {}, { authorization: 'Bearer x' }],
    ['a header of 100 KB', {}, raw(`by-secret:${'x'.repeat(8000)}`)],
  ])('is not let in with %s', async (_what, parameters, headers) => expectRefused(await token(parameters, headers)));

  it('does not find its secret read from the query (RFC 6749 section 2.3.1)', async () => {
    const query = new URLSearchParams({
      client_id: 'by-secret',
      client_secret: secret,
      grant_type: 'client_credentials',
    });
    expectRefused(await postForm(`${target.url}/oauth/token?${query}`, { grant_type: 'client_credentials' }));
    expect((await send(`${target.url}/oauth/token?${query}`)).status).toBe(405);
  });

  it('with two Authorization headers is refused, whichever is right', async () => {
    const pair = (first: Record<string, string>, second: Record<string, string>) =>
      [
        ['authorization', first.authorization ?? ''],
        ['authorization', second.authorization ?? ''],
        ['content-type', 'application/x-www-form-urlencoded'],
      ] as const;
    const [right, wrong] = [basic('by-secret', secret), basic('by-secret', 'wrong')];
    for (const headers of [pair(right, wrong), pair(wrong, right)])
      expectRefused(await send(`${target.url}/oauth/token`, { headers, body: 'grant_type=client_credentials' }));
  });

  it('that registered gets no downgrade: neither its name alone nor another method than its own (workers-oauth-provider #276)', async () => {
    const code = await target.code({ client: byBasic });
    expectRefused(
      await postForm(`${target.url}/oauth/token`, {
        grant_type: 'authorization_code',
        client_id: byBasic.clientId,
        code,
        redirect_uri: byBasic.redirectUri,
        code_verifier: byBasic.verifier,
      }),
    );
    expect((await byBasic.redeem(code)).status).toBe(200);
    const other = await target.code({ client: byPost });
    const inHeader = basic(byPost.clientId, 'wrong');
    expectRefused(await byPost.redeem(other, { client_secret: undefined }, inHeader));
    expect((await byPost.redeem(other)).status).toBe(200);
  });

  it('is not known by the secret of another', async () => {
    expectRefused(
      await token(
        { grant_type: 'refresh_token', refresh_token: 'x' },
        basic(byBasic.clientId, byPost.clientSecret ?? ''),
      ),
    );
  });
});

describe('grants beyond what a client may have (RFC 9700 section 2.4)', () => {
  it.each([
    'client_credentials',
    'password',
    'implicit',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:openid:params:grant-type:ciba',
    '__proto__',
    'constructor',
    '',
  ])('%j is refused of a client that registered itself', async (grant_type) => {
    for (const client of [byBasic, byPost])
      expectRefused(
        await client.redeem('x', {
          grant_type,
          username: 'alice',
          password: 'x',
          assertion: 'x.y.z',
          subject_token: 'x',
        }),
      );
  });
});

describe('an assertion (RFC 7523 section 3, RFC 8725)', () => {
  const claims = (changes: Record<string, unknown> = {}) => ({
    iss: 'by-key',
    sub: 'by-key',
    aud: target.url,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
    ...changes,
  });
  const sign = (
    changes: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    privateKey = key.privateKey,
  ) => new SignJWT(claims(changes)).setProtectedHeader({ alg: 'RS256', kid: 'own', ...header }).sign(privateKey);
  const present = (client_assertion: string, parameters: Parameters = {}) =>
    token({ client_id: 'by-key', client_assertion_type: assertionType, client_assertion, ...parameters });
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('that is good lets in, once, also when sent sixteen times side by side (F-06)', async () => {
    const assertion = await sign();
    const answers = await Promise.all(Array.from({ length: 16 }, () => present(assertion)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const refused of answers.filter(({ status }) => status !== 200)) expectRefused(refused);
  });

  it.each<[string, Record<string, unknown>]>([
    ['expired', { exp: 1 }],
    ['without end', { exp: undefined }],
    ['with an end in words', { exp: 'tomorrow' }],
    ['not valid yet', { nbf: 9_999_999_999 }],
    ['from the future', { iat: now() + 600, exp: now() + 660 }],
    ['of a time in words', { iat: 'today' }],
    ['that never ends, so that its id would be kept for ever (CWE-770)', { exp: 9_999_999_999 }],
    ['without id', { jti: undefined }],
    ['with an empty id', { jti: '' }],
    ['with an id that is no text', { jti: 7 }],
    ['of another issuer', { iss: 'by-secret' }],
    ['without issuer', { iss: undefined }],
    ['of another subject', { sub: 'by-secret' }],
    ['without subject', { sub: undefined }],
    ['for another server', { aud: 'https://evil.example' }],
    ['for nobody', { aud: undefined }],
    ['for a path below', { aud: 'http://127.0.0.1/oauth/token/x' }],
    ['for prototypes', { aud: '__proto__' }],
    ['for an object', { aud: { toString: 'x' } }],
  ])('%s does not let in', async (_what, changes) => expectRefused(await present(await sign(changes))));

  it('for the resource, or for URLs made of the request, does not let in', async () => {
    for (const aud of [
      `${target.url}/mcp`,
      `${target.url}/`,
      `${target.url}/oauth/par`,
      target.url.toUpperCase(),
      `${target.url}/oauth/token/`,
    ])
      expectRefused(await present(await sign({ aud })));
  });

  it.each<[string, Record<string, unknown>]>([
    ['another algorithm in its head', { alg: 'PS256' }],
    ['an unknown critical extension', { crit: ['x'], x: 1 }],
    ['b64 off', { crit: ['b64'], b64: false }],
  ])('with %s does not let in', async (_what, header) => {
    const [, body = '', signature = ''] = (await sign()).split('.');
    expectRefused(await present(`${part({ alg: 'RS256', kid: 'own', ...header })}.${body}.${signature}`));
  });

  it('of another key, also one that it brings along or points to, does not let in (RFC 8725 section 3.10)', async () => {
    const jwk = await exportJWK(stranger.publicKey);
    const before = target.idp.requests.length;
    for (const header of [
      {},
      { jwk },
      { jku: `${target.idp.issuer}/jwks` },
      { x5u: 'https://evil.example' },
      { kid: 'other' },
      { kid: '../../dev/null' },
      { kid: "' OR 1=1" },
    ])
      expectRefused(await present(await sign({}, header, stranger.privateKey)));
    expect(target.idp.requests).toHaveLength(before);
  });

  it.each(['none', 'None', 'NONE', 'nOnE', ''])(
    'with the algorithm %j and no signature does not let in',
    async (alg) => {
      for (const signature of ['', 'AA'])
        expectRefused(await present(`${part({ alg, kid: 'own' })}.${part(claims())}.${signature}`));
    },
  );

  it('with an HMAC under the public key, the secret of nobody or an empty one does not let in (CVE-2020-15222 class)', async () => {
    const pem = await exportSPKI(key.publicKey);
    const jwk = JSON.stringify(await exportJWK(key.publicKey));
    for (const secret of [pem, pem.trim(), jwk, '', 'a secret of the machine, long enough']) {
      const text = `${part({ alg: 'HS256', kid: 'own' })}.${part(claims())}`;
      const mac = createHmac('sha256', secret).update(text).digest('base64url');
      expectRefused(await present(`${text}.${mac}`));
    }
  });

  it.each<[string, Parameters]>([
    ['two assertions', { client_assertion: ['a.b.c', 'd.e.f'] }],
    ['no type', { client_assertion_type: undefined }],
    ['another type', { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }],
    ['another client beside it', { client_id: 'by-secret' }],
    ['a secret beside it', { client_secret: 'x' }],
    ['garbage', { client_assertion: 'x' }],
    ['five parts', { client_assertion: 'a.b.c.d.e' }],
    ['NUL', { client_assertion: 'a.\0.c' }],
    ['a JSON bomb', { client_assertion: `${Buffer.from('['.repeat(8000)).toString('base64url')}.e30.x` }],
  ])('in a request with %s does not let in', async (_what, parameters) =>
    expectRefused(await present(await sign(), parameters)),
  );

  it('does not let a client in that has a secret, nor a secret one that has keys', async () => {
    const assertion = await new SignJWT(claims({ iss: 'by-secret', sub: 'by-secret' }))
      .setProtectedHeader({ alg: 'RS256', kid: 'own' })
      .sign(key.privateKey);
    expectRefused(await present(assertion, { client_id: 'by-secret' }));
    expectRefused(await token({}, basic('by-key', 'x')));
    expectRefused(await token({ client_id: 'by-key' }));
  });

  it('that was refused is not used up', async () => {
    const assertion = await sign();
    expectRefused(await present(assertion, { grant_type: 'unknown' }));
    const again = await present(assertion);
    expect([200, 401]).toContain(again.status); // A client may have to sign anew; it never costs more than that.
  });
});

describe('introspection and revocation', () => {
  it('tell a stranger nothing of a token, and do it nothing (RFC 7662 section 2.1, RFC 7009 section 2.1)', async () => {
    const { access, refresh } = await target.tokens();
    for (const presented of [access, refresh]) {
      const unknown = await byBasic.introspect('unknown');
      const foreign = await byBasic.introspect(presented);
      expect([foreign.status, foreign.text]).toEqual([unknown.status, unknown.text]);
      expect(foreign.json).toEqual({ active: false });
      const revoked = await byBasic.revoke(presented);
      expect([revoked.status, revoked.text]).toEqual(
        Object.values(await byBasic.revoke('unknown').then(({ status, text }) => ({ status, text }))),
      );
    }
    expect((await target.call(access)).status).toBe(200);
  });

  it.each<[string, Parameters, Record<string, string>]>([
    ['nobody', {}, {}],
    ['a wrong secret', {}, basic('by-secret', 'wrong')],
    ['an unknown client', { client_id: 'nobody' }, {}],
  ])('refuse %s', async (_who, parameters, headers) => {
    const { access } = await target.tokens();
    for (const path of ['introspect', 'revoke']) {
      const answer = await postForm(`${target.url}/oauth/${path}`, { token: access, ...parameters }, headers);
      expect([400, 401]).toContain(answer.status);
    }
    expect((await target.call(access)).status).toBe(200);
  });

  it('of one installation of a client leave the others alone (workers-oauth-provider #188, #299)', async () => {
    const [mine, theirs] = [await target.tokens(), await target.tokens({ user: 'bob' })];
    await target.client.revoke(mine.refresh);
    expect((await target.call(mine.access)).status).toBe(401);
    expect((await target.call(theirs.access)).status).toBe(200);
    expect((await target.client.refresh(theirs.refresh)).status).toBe(200);
  });
});
