import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { providerProfiles, type SimulatedUser } from '../../lib/testing.ts';
import { postForm } from '../helpers/oauth-client.ts';
import { type Row, rows } from './rows.ts';
import { type PresetLogin, startPresetLogin } from './support.ts';

const nameOf = ({ preset, profile }: Row) => (preset === profile ? preset : `${preset} (${profile})`);

/** Names of a person: who has another one's claims but these is still the same person. */
const names = ['sub', 'oid', 'id', 'hd'];

/** One person with the roles of another. */
function withRolesOf(person: SimulatedUser | undefined, other: SimulatedUser | undefined): SimulatedUser {
  const merge = (own: Readonly<Record<string, unknown>> = {}, given: Readonly<Record<string, unknown>> = {}) => ({
    ...given,
    ...Object.fromEntries(Object.entries(own).filter(([name]) => names.includes(name))),
  });
  return {
    idToken: merge(person?.idToken, other?.idToken),
    ...(person?.userinfo && { userinfo: merge(person.userinfo, other?.userinfo) }),
    ...(person?.accessToken && { accessToken: merge(person.accessToken, other?.accessToken) }),
  };
}

describe.each(rows.map((row) => [nameOf(row), row] as const))('with the preset %s', (_, row) => {
  let started: PresetLogin;
  beforeAll(async () => {
    started = await startPresetLogin(row, { browserLogin: { offlineAccess: true } });
  });
  afterAll(() => started?.close());

  it('new roles hold from the next refresh on, and a disabled user gets no further token', async () => {
    const { idp, client } = started;
    const { alice, bob } = idp.users;
    const { code } = await started.login();
    const tokens = await client.redeem(String(code));
    const authorization = idp.requests.find(({ url }) => url === idp.metadata.authorization_endpoint);
    const { scope = 'openid profile email' } = row.options;
    expect(Object.fromEntries(authorization?.query ?? [])).toMatchObject({
      ...(row.offline ?? { scope: `${scope} offline_access` }),
    });

    idp.users.alice = withRolesOf(alice, bob);
    const next = await client.refresh(String(tokens.json?.refresh_token));
    const user = await started.userOf(next.json?.access_token);
    expect(user).toMatchObject({
      sub: row.sub,
      data: { roles: row.newRoles ?? ['user'] },
    });

    delete idp.users.alice;
    const last = await client.refresh(String(next.json?.refresh_token));
    expect([last.status, last.json?.error]).toEqual([400, 'invalid_grant']);
    if (alice) idp.users.alice = alice;
  });

  it(
    row.logout ? 'the browser is signed out there, too, and comes back' : 'the browser is signed out here alone',
    async () => {
      const { gateway, idp } = started;
      const browser = started.browser();
      await started.login(browser);
      idp.requests.length = 0;
      const end = await browser.submit(await browser.get(`${gateway.url}/oauth/logout`), 'csrf');

      expect([end.url, end.status]).toEqual([`${gateway.url}/oauth/logout/done`, 200]);
      expect(idp.requests.map(({ url }) => url)).toEqual(row.logout === undefined ? [] : [row.logout]);
      expect(browser.cookies(gateway.url).filter(({ name }) => name.startsWith('mcp_session'))).toEqual([]);
    },
  );

  const { backChannelLogout } = providerProfiles[row.profile].behaviour;
  if (!backChannelLogout.value) return;

  it('a logout token of the provider ends the sign-in (OpenID Connect Back-Channel Logout section 2.6)', async () => {
    const { gateway, idp } = started;
    await started.login();
    const body = { logout_token: await idp.logoutToken('alice') };
    const { answer, events } = await gateway.observe(() => postForm(`${gateway.url}/oauth/backchannel-logout`, body));

    expect([answer.status, events]).toEqual([200, expect.arrayContaining([expect.stringMatching(/^session\.ended/)])]);
  });
});
