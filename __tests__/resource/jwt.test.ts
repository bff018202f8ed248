import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createSigningKey, type PlayedIssuer, playIssuer, signToken } from './issuer.ts';
import { mountResource, openSite, type ResourceServer } from './support.ts';

let issuer: PlayedIssuer;
let server: ResourceServer;
beforeAll(async () => {
  issuer = await playIssuer();
  server = mountResource(await openSite(), { issuer: issuer.url, tokenCacheSeconds: 0 });
});
afterAll(async () => {
  await server.close();
  await issuer.close();
});
beforeEach(() => {
  server.events.length = 0;
});
afterEach(() => {
  jest.restoreAllMocks();
});

const nowSeconds = () => Math.floor(Date.now() / 1000);
const sign = (changes: Parameters<typeof signToken>[2] = {}) => signToken(issuer, server.url, changes);
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** 401 `invalid_token`, the exact reason in the event alone. */
async function expectRefused(token: string, reason: string): Promise<void> {
  const { status, headers, text } = await server.call(token);
  expect([status, server.events]).toEqual([401, [`resource.refused: ${reason}`]]);
  expect(headers.get('www-authenticate')).toContain(
    'error="invalid_token", error_description="the token is not valid"',
  );
  expect(text).not.toContain(reason);
}

describe('a JWT of the issuer for this resource', () => {
  it('is accepted, and describes its user at the issuer (RFC 9068 section 4)', async () => {
    expect((await server.call(await sign())).status).toBe(200);

    expect(server.seen()).toMatchObject({
      auth: {
        token: 'grant:the id of the token',
        clientId: 'client',
        scopes: ['mcp:tools'],
        expiresAt: expect.any(Number),
        resource: new URL(server.url),
        extra: { sub: 'alice', iss: issuer.url, roles: [] },
      },
      user: { sub: 'alice', iss: issuer.url, data: { roles: [], clientId: 'client' } },
    });
  });

  it('describes its user at the identity provider where it names one, as mcpOAuth does', async () => {
    const claims = { idp: { iss: 'https://idp.example', sub: 'a-1' }, roles: ['admin', 7], gid: 'the grant' };

    expect((await server.call(await sign({ claims }))).status).toBe(200);
    expect(server.seen()).toMatchObject({
      auth: { token: 'grant:the grant', extra: { sub: 'a-1', iss: 'https://idp.example', roles: ['admin'] } },
      user: { sub: 'a-1', iss: 'https://idp.example', data: { roles: ['admin'], clientId: 'client' } },
    });
  });

  it.each(['ES384', 'PS256', 'RS256', 'EdDSA'])('may be signed with %s', async (alg) => {
    const key = await createSigningKey(alg, alg);
    issuer.keys.push(key);
    const other = mountResource(await openSite(), { issuer: issuer.url });
    try {
      expect((await other.call(await signToken(issuer, other.url, { key }))).status).toBe(200);
    } finally {
      issuer.keys.pop();
      await other.close();
    }
  });

  it.each([
    ['the media type in full', { header: { typ: 'application/at+jwt' } }],
    ['an audience in a list of one', { claims: { aud: undefined } }],
    ['no scope and no id', { claims: { jti: undefined } }],
    ['no key id, where the issuer has one key', { header: { kid: undefined } }],
  ])('may have %s', async (what, changes: Parameters<typeof signToken>[2]) => {
    const claims = what.startsWith('an audience') ? { aud: [server.url] } : changes?.claims;

    expect((await server.call(await sign({ ...changes, ...(claims && { claims }) }))).status).toBe(200);
  });
});

describe('a JWT is refused', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['for another resource (RFC 8707 section 2)', { aud: 'https://other.example/mcp' }, 'audience is another resource'],
    ['for this and another resource', { aud: ['mine', 'https://other.example/mcp'] }, 'several_audiences'],
    ['for a path below', { aud: 'below' }, 'audience is another resource'],
    ['for nobody', { aud: undefined }, 'malformed_record'],
    ['for an empty list', { aud: [] }, 'malformed_record'],
    ['of another issuer (RFC 9068 section 4)', { iss: 'https://other.example' }, 'wrong_issuer'],
    ['of the issuer with a slash behind', { iss: 'slash' }, 'wrong_issuer'],
    ['of no issuer', { iss: undefined }, 'wrong_issuer'],
    ['after its end (RFC 9068 section 4)', { exp: nowSeconds() - 1 }, 'expired'],
    ['without an end', { exp: undefined }, 'malformed_record'],
    ['with an end that is text', { exp: '9999999999' }, 'malformed_record'],
    ['before its time (RFC 7519 section 4.1.5)', { nbf: nowSeconds() + 3600 }, 'not_yet_valid'],
    ['without a client', { client_id: undefined }, 'malformed_record'],
    ['without a subject', { sub: undefined }, 'malformed_record'],
    ['with an empty subject', { sub: '' }, 'malformed_record'],
    ['bound to a key, as Bearer (RFC 9449 section 7.1)', { cnf: { jkt: 'thumbprint' } }, 'bound_token_as_bearer'],
    ['bound to a certificate (RFC 8705 section 3)', { cnf: { 'x5t#S256': 'thumbprint' } }, 'malformed_record'],
    ['bound to nothing that is known', { cnf: null }, 'malformed_record'],
  ])('%s', async (_what, claims, reason) => {
    const own: Record<string, unknown> = { ...claims };
    if (Array.isArray(claims.aud) && claims.aud.length > 0) own.aud = [server.url, 'https://other.example/mcp'];
    if (claims.aud === 'below') own.aud = `${server.url}/below`;
    if (claims.iss === 'slash') own.iss = `${issuer.url}/`;

    await expectRefused(await sign({ claims: own }), reason);
  });

  it.each(['JWT', 'logout+jwt', 'dpop+jwt', 'oauth-id-jag+jwt', undefined])(
    'with the type %s: it is no access token (RFC 8725 section 3.11)',
    async (typ) => {
      await expectRefused(await sign({ header: { typ } }), 'wrong_type');
    },
  );

  it.each(['', 'AAAA'])('with the algorithm none and the signature %j (RFC 8725 section 2.1)', async (signature) => {
    const [, claims] = (await sign()).split('.');
    const header = encode({ alg: 'none', typ: 'at+jwt' });

    await expectRefused(`${header}.${claims}.${signature}`, 'algorithm_refused');
  });

  it('signed with the public key as an HMAC secret (RFC 8725 section 2.1)', async () => {
    const [, claims] = (await sign()).split('.');
    const [key] = issuer.keys;
    const pem = createPublicKey({ key: key?.publicJwk as never, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: key?.kid })}.${claims}`;

    await expectRefused(`${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`, 'algorithm_refused');
  });

  it('signed by a stranger under the name of a known key', async () => {
    await expectRefused(await sign({ key: await createSigningKey('first') }), 'signature_invalid');
  });

  it('that brings its own key (RFC 8725 section 3.10)', async () => {
    const key = await createSigningKey('own');
    const header = { jwk: key.publicJwk, jku: 'https://evil.example/jwks', kid: 'first' };

    await expectRefused(await sign({ key, header }), 'signature_invalid');
    expect(issuer.requests.filter((path) => path.includes('evil'))).toEqual([]);
  });

  it('with one claim changed after it was signed', async () => {
    const [header, claims = '', signature] = (await sign()).split('.');
    const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), scope: 'mcp:admin' };

    await expectRefused(`${header}.${encode(changed)}.${signature}`, 'signature_invalid');
  });

  it('with a critical header that nobody here knows (RFC 7515 section 4.1.11)', async () => {
    const [, claims, signature] = (await sign()).split('.');

    await expectRefused(
      `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'first', crit: ['x'], x: 1 })}.${claims}.${signature}`,
      'not_a_jwt',
    );
  });

  it.each(['opaque-token', 'a.b', 'a.b.c', 'a.b.c.d.e', '...', 'eyJhbGciOiJFUzI1NiJ9..x'])(
    'that is none, like %s, and the issuer is not asked about it',
    async (token) => {
      const before = issuer.requests.length;

      await expectRefused(token, 'not_a_jwt');
      expect(issuer.requests).toHaveLength(before);
    },
  );

  it('of a user that the identity provider claims do not name as text: the user is then the issuer’s', async () => {
    expect((await server.call(await sign({ claims: { idp: { iss: 1, sub: {} } } }))).status).toBe(200);
    expect(server.seen()).toMatchObject({ user: { sub: 'alice', iss: issuer.url } });
  });
});

describe('a remembered JWT', () => {
  it('is refused at its end all the same, and was accepted right before', async () => {
    const remembering = mountResource(await openSite(), { issuer: issuer.url, tokenCacheSeconds: 60 });
    try {
      const now = Date.now();
      const token = await signToken(issuer, remembering.url, { claims: { exp: Math.floor(now / 1000) + 30 } });
      jest.spyOn(Date, 'now').mockImplementation(() => now + 28_000);
      expect((await remembering.call(token)).status).toBe(200);

      jest.spyOn(Date, 'now').mockImplementation(() => now + 31_000);
      expect((await remembering.call(token)).status).toBe(401);
    } finally {
      await remembering.close();
    }
  });
});
