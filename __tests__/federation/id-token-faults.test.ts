import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { record } from '../faults/rounds.ts';
import { idTokenReasons } from '../helpers/id-token-reasons.ts';
import type { IdTokenHook } from '../helpers/identity-provider-faults.ts';
import { idTokenFaults } from '../helpers/identity-provider-faults.ts';
import { type Federation, failure, keptRecords, startFederation } from './support.ts';

const AUDIENCE = 'https://gateway.example.com';

/** The clock may go on by a second or two between the signing of a token and its check. */
const withRoundSeconds = (events: readonly string[]) =>
  events.map((event) =>
    event.replace(/\d+ s (?=ahead|behind)/, (seconds) => `${Math.round(Number.parseInt(seconds, 10) / 20) * 20} s `),
  );

const AT_THE_CLIENT = ['server_error', 'the sign-in could not be verified'] as const;

describe('an ID token that proves nothing', () => {
  let federation: Federation;
  beforeAll(async () => {
    federation = await startFederation();
  });
  afterEach(() => federation.reset());
  afterAll(() => federation.close());

  it.each(Object.entries(idTokenFaults))(
    'is refused, keeps nothing, and tells the client nothing: %s (OpenID Connect Core section 3.1.3.7, RFC 8725)',
    async (name, fault) => {
      federation.idp.misbehave.idToken = fault;
      const browser = federation.browser();
      const observed = await federation.gateway.observe(() => federation.login(browser));

      expect(observed.answer).toEqual(failure(federation, ...AT_THE_CLIENT));
      expect(keptRecords(observed)).toEqual([]);
      expect(browser.cookies().filter(({ name: cookie }) => /^mcp_(session|login)/.test(cookie))).toEqual([]);
      const reason = idTokenReasons[name as keyof typeof idTokenFaults];
      expect(withRoundSeconds(observed.events)).toEqual([
        'login.started',
        reason === '' ? 'login.failed: id_token_missing' : `login.failed: id_token_invalid: ${reason}`,
        `authorization.refused: ${AT_THE_CLIENT.join(': ')}`,
      ]);
    },
  );

  it.each<[string, IdTokenHook, string]>([
    [
      'a key inside its own header',
      (claims, sign) => sign(claims, 'foreign-key', { jwk: federation.idp.foreignKey }),
      'signature verification failed',
    ],
    [
      'an x5u header',
      (claims, sign) => sign(claims, 'foreign-key', { x5u: 'https://attacker.example/x5u' }),
      'signature verification failed',
    ],
    [
      'a time of issue beyond the clock tolerance',
      (claims, sign) => sign({ ...claims, iat: Number(claims.iat) + 120 }),
      "iat is in the future; clock skew? iat is 2 min ahead of this server's clock",
    ],
    ['a subject that is a number', (claims, sign) => sign({ ...claims, sub: 7 as never }), 'sub is empty or no text'],
    ['a subject that no store can keep', (claims, sign) => sign({ ...claims, sub: 'alice\u0000' }), 'sub is malformed'],
    ['an empty list of audiences', (claims, sign) => sign({ ...claims, aud: [] }), 'unexpected "aud" claim value'],
  ])('is refused with %s (RFC 8725 section 3)', async (_name, fault, reason) => {
    federation.idp.misbehave.idToken = fault;
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, ...AT_THE_CLIENT));
    expect(keptRecords(observed)).toEqual([]);
    expect(withRoundSeconds(observed.events)).toContain(`login.failed: id_token_invalid: ${reason}`);
  });

  it.each([
    ['a minute ahead', 55, undefined],
    ['a minute behind', -55, undefined],
    ['ten minutes ahead', 600, '10 min ahead of'],
    ['ten minutes behind', -600, '10 min behind'],
  ])(
    'of a provider whose clock is %s signs in, or is refused with the skew named (F-33)',
    async (_name, skew, named) => {
      federation.idp.misbehave.idToken = (claims, sign) =>
        sign({ ...claims, iat: Number(claims.iat) + skew, exp: Number(claims.iat) + skew + 300 });
      const observed = await federation.gateway.observe(() => federation.login());

      if (named === undefined) expect(observed.answer).toHaveProperty('code');
      else {
        expect(observed.answer).toEqual(failure(federation, ...AT_THE_CLIENT));
        expect(observed.events[1]).toContain(`clock skew? iat is ${named} this server's clock`);
      }
      record('F-33', 'idp', `${skew} s: ${named === undefined ? 'signs in' : 'refused, the event names the skew'}`);
    },
  );

  it('is forgotten: the next good one signs in (OpenID Connect Core section 3.1.3.7)', async () => {
    federation.idp.misbehave.idToken = idTokenFaults['foreign key with the same kid'];
    expect((await federation.login()).error).toBe('server_error');
    federation.idp.behave();

    expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');
  });
});

describe('the audience of an ID token', () => {
  let federation: Federation;
  beforeAll(async () => {
    federation = await startFederation({ options: ({ issuer }) => ({ oidc: { issuer, audience: AUDIENCE } }) });
  });
  afterEach(() => federation.reset());
  afterAll(() => federation.close());

  it.each<[string, IdTokenHook]>([
    ['the client id', (claims, sign) => sign(claims)],
    ['oidc.audience alone', (claims, sign) => sign({ ...claims, aud: AUDIENCE })],
    ['oidc.audience in a list', (claims, sign) => sign({ ...claims, aud: [AUDIENCE] })],
    ['both, with azp', (claims, sign) => sign({ ...claims, aud: ['gateway', AUDIENCE], azp: 'gateway' })],
  ])('is accepted: %s (seed, oidc.audience)', async (_name, hook) => {
    federation.idp.misbehave.idToken = hook;
    expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');
  });

  it.each<[string, IdTokenHook, string]>([
    ['neither', (claims, sign) => sign({ ...claims, aud: 'another-client' }), 'unexpected "aud" claim value'],
    [
      'oidc.audience for another client',
      (claims, sign) => sign({ ...claims, aud: AUDIENCE, azp: 'another-client' }),
      'azp is another client',
    ],
    [
      'both without azp',
      (claims, sign) => sign({ ...claims, aud: ['gateway', AUDIENCE] }),
      'several audiences without azp',
    ],
    [
      'a stranger beside both',
      (claims, sign) => sign({ ...claims, aud: ['gateway', AUDIENCE, 'another-client'], azp: 'gateway' }),
      'an audience is neither clientId nor oidc.audience',
    ],
  ])('is refused: %s (OpenID Connect Core section 3.1.3.7)', async (_name, hook, reason) => {
    federation.idp.misbehave.idToken = hook;
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer).toEqual(failure(federation, ...AT_THE_CLIENT));
    expect(keptRecords(observed)).toEqual([]);
    expect(withRoundSeconds(observed.events)).toContain(`login.failed: id_token_invalid: ${reason}`);
  });
});

it('verifies RS256 as well, though the provider declares no preference (OpenID Connect Core section 15.1)', async () => {
  const federation = await startFederation({ provider: { idTokenAlg: 'RS256' } });
  try {
    expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');
    federation.idp.misbehave.idToken = idTokenFaults['foreign key with the same kid'];
    expect(await federation.login()).toEqual(failure(federation, ...AT_THE_CLIENT));
  } finally {
    await federation.close();
  }
});
