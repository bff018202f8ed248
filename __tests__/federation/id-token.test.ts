import { describe, expect, it } from '@jest/globals';
import {
  base64url,
  CompactSign,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { type IdTokenExpectation, verifyIdToken } from '../../lib/federation/id-token.ts';
import { LoginError } from '../../lib/federation/login-error.ts';

const ISSUER = 'https://idp.example';
const { privateKey, publicKey } = await generateKeyPair('ES256');
const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] });
const expected: IdTokenExpectation = {
  keys,
  issuer: ISSUER,
  clientId: 'gateway',
  audiences: [],
  nonce: 'the nonce',
};

const now = () => Math.floor(Date.now() / 1000);
const good = (): JWTPayload => ({
  iss: ISSUER,
  sub: 'alice',
  aud: 'gateway',
  nonce: 'the nonce',
  iat: now(),
  exp: now() + 300,
});

function sign(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ ...good(), ...changes } as JWTPayload)
    .setProtectedHeader({ alg: 'ES256', kid: 'one', ...header })
    .sign(privateKey);
}

/** The reason a token is refused for, or the subject of a good one. */
async function verdict(token: unknown, expectation: Partial<IdTokenExpectation> = {}): Promise<string> {
  try {
    return (await verifyIdToken(token, { ...expected, ...expectation })).sub;
  } catch (error) {
    if (error instanceof LoginError) return error.message;
    throw error;
  }
}

describe('verifyIdToken', () => {
  it('gives the claims of a token that proves all of them (OpenID Connect Core section 3.1.3.7)', async () => {
    const claims = await verifyIdToken(await sign({ name: 'Alice' }), expected);
    expect(claims).toMatchObject({ ...good(), iat: expect.any(Number), exp: expect.any(Number), name: 'Alice' });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'id_token_missing'],
    ['null', null, 'id_token_missing'],
    ['a number', 7, 'id_token_invalid: not a token'],
    ['an object', {}, 'id_token_invalid: not a token'],
    ['more than 64 KB', 'x'.repeat(64 * 1024 + 1), 'id_token_invalid: not a token'],
    ['an empty text', '', 'id_token_invalid: Invalid Compact JWS'],
    ['an encrypted token', 'a.b.c.d.e', 'id_token_invalid: Invalid Compact JWS'],
  ])('refuses %s in place of a token (OpenID Connect Core section 3.1.3.3)', async (_name, token, reason) => {
    expect(await verdict(token)).toBe(reason);
  });

  it.each<[string, number, number, boolean]>([
    ['a token that expired within a minute', -300, -50, true],
    ['a token that expired before that', -300, -70, false],
    ['a token from a clock one minute ahead', 50, 300, true],
    ['a token from a clock further ahead', 70, 300, false],
  ])('allows clocks 60 seconds: %s (threats, section 8)', async (_name, iat, exp, accepted) => {
    const said = await verdict(await sign({ iat: now() + iat, exp: now() + exp }));
    if (accepted) expect(said).toBe('alice');
    else
      expect(said).toMatch(
        /^id_token_invalid: (iat is in the future|"exp" claim timestamp check failed); clock skew\? iat is \d+ min (ahead of|behind) this server's clock$/,
      );
  });

  it.each<[string, Record<string, unknown>]>([
    ['exp as text', { exp: '4102444800' }],
    ['iat as text', { iat: 'yesterday' }],
    ['no iat', { iat: undefined }],
    ['an issuer with a slash more', { iss: `${ISSUER}/` }],
    ['an audience in other letters', { aud: 'Gateway' }],
    ['an audience that starts like ours', { aud: 'gateway-2' }],
    ['a nonce that is no text', { nonce: ['the nonce'] }],
    ['a subject of a lone surrogate', { sub: '\ud800' }],
    ['azp as a list', { azp: ['gateway'] }],
    ['azp empty', { azp: '' }],
  ])('refuses %s (OpenID Connect Core section 2)', async (_name, changes) => {
    expect(await verdict(await sign(changes))).toMatch(/^id_token_invalid: /);
  });

  it.each([' alice', 'alice ', 'ALICE', 'älice', 'a'.repeat(255), '0'])(
    'leaves a legal subject as it is: %j (OpenID Connect Core section 2)',
    async (sub) => {
      expect(await verdict(await sign({ sub }))).toBe(sub);
    },
  );

  it('asks for a nonce even where the expected one is empty (OpenID Connect Core section 3.1.3.7)', async () => {
    expect(await verdict(await sign({ nonce: undefined }), { nonce: '' })).toBe('id_token_invalid: nonce mismatch');
  });

  it('takes no unsigned token, no HMAC and no extension it does not know (RFC 8725 section 3.1, RFC 7515 section 4.1.11)', async () => {
    const unsigned = new UnsecuredJWT(good()).encode();
    const hmac = await new SignJWT(good()).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(new Uint8Array(32));
    const payload = new TextEncoder().encode(JSON.stringify(good()));
    const critical = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'ES256', kid: 'one', crit: ['x-rule'], 'x-rule': true })
      .sign(privateKey, { crit: { 'x-rule': true } });

    for (const token of [unsigned, hmac, critical]) expect(await verdict(token)).toMatch(/^id_token_invalid: /);
  });

  it('takes no other token of the issuer’s: claims that are no object (RFC 7519 section 7.2)', async () => {
    const text = await new CompactSign(new TextEncoder().encode('"alice"'))
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey);
    expect(await verdict(text)).toMatch(/^id_token_invalid: /);
  });

  it('takes no token whose claims were changed (RFC 7515 section 5.2)', async () => {
    const [header, , signature] = (await sign()).split('.');
    const changed = base64url.encode(JSON.stringify({ ...good(), sub: 'bob' }));
    expect(await verdict(`${header}.${changed}.${signature}`)).toBe('id_token_invalid: signature verification failed');
  });

  it('lets the reason through for which the key set could not be fetched (DESIGN 4.10)', async () => {
    const outage = new LoginError({ reason: 'provider_unreachable', detail: 'timed_out' });
    expect(await verdict(await sign(), { keys: () => Promise.reject(outage) })).toBe('provider_unreachable: timed_out');
  });

  it('blames the key set, not the token, for an error that is not of the token (DESIGN 4.10)', async () => {
    const keys = () => Promise.reject(new TypeError('not a key'));
    expect(await verdict(await sign(), { keys })).toBe('provider_answer_invalid: its key set cannot be read');
  });

  it('never shows the token in the reason (CWE-532)', async () => {
    const token = await sign({ sub: 'somebody', aud: 'another-client' });
    const said = await verdict(token);
    for (const part of [...token.split('.'), 'somebody', 'another-client']) expect(said).not.toContain(part);
  });
});
