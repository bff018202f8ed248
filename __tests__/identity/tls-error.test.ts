import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { LookupFunction } from '../../lib/index.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../../lib/testing.ts';
import { tokensOf } from '../faults/person.ts';
import { record } from '../faults/rounds.ts';
import { type Row, rows } from './rows.ts';
import { type PresetLogin, startPresetLogin } from './support.ts';

let started: PresetLogin;
/** Answers under the same host names, with a certificate that nobody trusts. */
let impostor: FakeIdentityProvider;
let isDeceived = false;

beforeAll(async () => {
  impostor = await startIdentityProvider({ profile: 'okta', hosts: 'real' });
  let lookup: LookupFunction | undefined;
  const deceived: LookupFunction = (hostname, options, callback) =>
    ((isDeceived ? impostor.outbound.lookup : lookup) as LookupFunction)(hostname, options, callback);
  started = await startPresetLogin(rows.find(({ profile }) => profile === 'okta') as Row, {
    outboundOf: ({ outbound }) => {
      lookup = outbound.lookup;
      return { ...outbound, lookup: deceived };
    },
  });
});
afterAll(async () => {
  await started?.close();
  await impostor?.close();
});

it('takes an untrusted certificate of the identity provider for an outage: the client may try again, issued tokens work on (F-25)', async () => {
  const before = await started.login();
  expect(before).toHaveProperty('code');
  const { accessToken, refreshToken } = tokensOf(await started.client.redeem(String(before.code)));

  isDeceived = true;
  const { answer, events } = await started.gateway.observe(() => started.login());
  expect(answer).toMatchObject({ error: 'temporarily_unavailable' });
  expect(answer).not.toHaveProperty('code');
  expect(events.filter((event) => event.startsWith('login.failed'))).toEqual([
    expect.stringMatching(/^login\.failed: provider_unreachable/),
  ]);
  expect(impostor.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  expect(await started.userOf(accessToken)).toHaveProperty('sub');
  expect((await started.client.refresh(refreshToken)).status).toBe(200);

  isDeceived = false;
  expect(await started.login()).toHaveProperty('code');
  record('F-25', 'idp tls', 'wrong certificate: temporarily_unavailable; issued tokens and refreshes go on');
});
