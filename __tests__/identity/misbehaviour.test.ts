import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type EndpointFault, idTokenFaults, type ProviderName } from '../../lib/testing.ts';
import { keptRecords } from '../federation/support.ts';
import { idTokenReasons } from '../helpers/id-token-reasons.ts';
import { type Row, rows } from './rows.ts';
import { type PresetLogin, startPresetLogin } from './support.ts';

const limitMs = 2000;
const rowOf = (profile: ProviderName) => rows.find((row) => row.profile === profile) as Row;

const lie = { error: 'server_error', error_description: 'the sign-in could not be verified' };
const outage = {
  error: 'temporarily_unavailable',
  error_description: 'the identity provider does not answer; try again',
};

/** What the client sees, and the reason in the event, for each way of not answering well. */
const endpointFaults = (what: string): readonly (readonly [EndpointFault, typeof lie, string])[] => [
  ['hang', outage, 'provider_unreachable: timed_out'],
  ['stall', outage, 'provider_unreachable: timed_out'],
  ['refuse', outage, 'provider_unreachable: response_invalid'],
  ['http500', outage, `provider_unreachable: ${what}: status 500`],
  ['html', lie, `provider_answer_invalid: ${what}: no JSON`],
  ['redirect', lie, `provider_answer_invalid: ${what}: status 307`],
  ['huge', lie, 'provider_answer_invalid: too_large'],
];

let started: PresetLogin;

async function expectRefusal(client: typeof lie, reason: string): Promise<void> {
  const { answer, events, writes } = await started.gateway.observe(() => started.login());
  expect(answer).toMatchObject(client);
  expect(events).toContain(`login.failed: ${reason}`);
  expect(keptRecords({ writes })).toEqual([]);
}

// One with keys on another curve, one with an issuer template and keys that do not name their algorithm, one like most.
describe.each(['okta', 'logto', 'entraMultiTenant'] as const)('at %s an ID token that proves nothing', (profile) => {
  beforeAll(async () => {
    started = await startPresetLogin(rowOf(profile));
  });
  afterEach(() => started.idp.behave());
  afterAll(() => started.close());

  it.each(Object.entries(idTokenFaults))(
    'is refused: %s (OpenID Connect Core section 3.1.3.7)',
    async (name, fault) => {
      started.idp.misbehave.idToken = fault;
      const reason = idTokenReasons[name as keyof typeof idTokenFaults];
      await expectRefusal(lie, reason === '' ? 'id_token_missing' : `id_token_invalid: ${reason}`);
    },
  );

  it('is forgotten: the next good one signs in', async () => {
    expect(await started.login()).toHaveProperty('code');
  });
});

describe.each(['authelia', 'github'] as const)('at %s, where userinfo tells who signed in', (profile) => {
  beforeAll(async () => {
    started = await startPresetLogin(rowOf(profile), { browserLogin: { remoteTimeoutMs: limitMs } });
  });
  afterEach(() => started.idp.behave());
  afterAll(() => started.close());

  it.each(endpointFaults('userinfo'))('it fails the login when it does this: %s', async (fault, client, reason) => {
    started.idp.misbehave.userinfo = fault;
    await expectRefusal(client, reason);
  });

  it('it says nothing else in the end, and the login succeeds', async () => {
    expect(await started.login()).toHaveProperty('code');
  });
});

describe('at authelia, userinfo', () => {
  beforeAll(async () => {
    started = await startPresetLogin(rowOf('authelia'));
  });
  afterAll(() => started.close());

  it('of another person is not mixed in (OpenID Connect Core section 5.3.2)', async () => {
    started.idp.misbehave.userinfo = (claims) => ({ ...claims, sub: 'c0ffee00-0000-4000-8000-00000000000b' });
    await expectRefusal(lie, 'provider_answer_invalid: userinfo: of another subject');
  });
});

describe('at workos, where the access token is the identity, the key set', () => {
  beforeAll(async () => {
    started = await startPresetLogin(rowOf('workos'), { browserLogin: { remoteTimeoutMs: limitMs } });
  });
  afterEach(() => started.idp.behave());
  afterAll(() => started.close());

  it.each(endpointFaults('key set'))('fails the login when it does this: %s', async (fault, client, reason) => {
    started.idp.misbehave.jwks = fault;
    await expectRefusal(client, reason);
  });

  it('may be without the key: nobody signs in', async () => {
    started.idp.misbehave.jwks = () => ({ keys: [] });
    await expectRefusal(lie, 'access_token_invalid: no applicable key found in the JSON Web Key Set');
  });
});

it('keys that were replaced all at once are found at the next login (OpenID Connect Core section 10.1.1, F-28)', async () => {
  started = await startPresetLogin(rowOf('logto'));
  try {
    expect(await started.login()).toHaveProperty('code');
    await started.idp.rotateKeys(false);
    expect(await started.login()).toHaveProperty('code');
  } finally {
    await started.close();
  }
});
