import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connectionChecks, deploymentChecks } from '../../../lib/cli/doctor/checks.ts';
import { changeJson } from './broken-front.ts';
import { type SoundDeployment, startDeployment } from './deployment.ts';

let deployment: SoundDeployment;
beforeAll(async () => {
  deployment = await startDeployment();
});
afterAll(() => deployment.close());

/** What there is nothing to look at on loopback, and of a server without RFC 7592. */
const nothingThere = ['tls-certificate', 'tls-expiry', 'public-port', 'registration-removal'];

it('finds nothing at a sound deployment, and looks at everything', async () => {
  const diagnosis = await deployment.look({ accessToken: await deployment.accessToken() });
  expect(diagnosis.findings).toEqual([]);
  expect(diagnosis.skipped.map(({ id }) => id)).toEqual(nothingThere);
  const ids = [...connectionChecks, ...deploymentChecks].map(({ id }) => id);
  expect(diagnosis.passed).toEqual(ids.filter((id) => !nothingThere.includes(id)));
  const { origin } = deployment.front;
  expect(diagnosis.notes).toEqual([
    `clients see: resource ${origin}/mcp, issuer ${origin}, authorization ${origin}/oauth/authorize, token ${origin}/oauth/token, registration ${origin}/oauth/register`,
    `redirect URI to register at the identity provider: ${deployment.front.origin}/oauth/callback`,
    expect.stringMatching(/^10 registrations of this run stay/),
  ]);
});

it('finds nothing at an issuer, and says what it could not look at', async () => {
  const diagnosis = await deployment.look({ url: deployment.front.origin });
  expect(diagnosis.findings).toEqual([]);
  expect(diagnosis.passed).toEqual(expect.arrayContaining(['server-metadata', 'registration', 'form-action']));
  expect(diagnosis.skipped).toContainEqual({
    id: 'resource-metadata',
    reason: 'give the URL of an MCP endpoint to have it looked at',
  });
});

it('registers with the token that registrations must carry', async () => {
  const initialAccessToken = 'kZ8vQ2mX4tR7wB1nJ6yH3cL9sF5dG0aPeUiT';
  const closed = await startDeployment(() => ({ registration: { initialAccessToken } }));
  const without = await closed.look({}, { only: ['registration'] });
  const withToken = await closed.look({ initialAccessToken }, { only: ['registration', 'registration-answer'] });
  await closed.close();
  expect(without.findings.map(({ what }) => what)).toContain(
    'Cursor is answered 401 (invalid_token: no access token provided)',
  );
  expect(withToken.passed).toEqual(['registration', 'registration-answer']);
});

it('removes what it registered from the store where it is given the options', async () => {
  const { clients } = await registrationsBy(() =>
    deployment.look({}, { configuration: deployment.options, only: ['registration'] }),
  );
  expect(clients).toHaveLength(9);
  const { provider } = await providerOf();
  for (const id of clients) expect([id, await provider.Client.find(id)]).toEqual([id, undefined]);
});

it.each([
  ['is not served', () => `${deployment.front.origin}/oauth/register/nobody`],
  ['gets no answer', () => 'http://127.0.0.1:1/register'],
])('leaves no client behind where the removal that is offered %s', async (_what, uri) => {
  deployment.front.breakage = changeJson(/\/register$/, (document) => {
    document.registration_client_uri = uri();
    document.registration_access_token = 'token';
  });
  const only = ['registration', 'registration-removal'];
  const told = await deployment.look({}, { only });
  expect(told.notes).toEqual([expect.stringMatching(/^9 registrations of this run stay/)]);
  expect(told.findings.map(({ id }) => id)).toEqual(['registration-removal']);
  const { clients } = await registrationsBy(() => deployment.look({}, { configuration: deployment.options, only }));
  deployment.front.breakage = {};
  expect(clients).toHaveLength(9);
  const { provider } = await providerOf();
  for (const id of clients) expect([id, await provider.Client.find(id)]).toEqual([id, undefined]);
});

async function providerOf() {
  return { provider: await deployment.gateway.auth.provider() };
}

/** Ids of the clients that are registered meanwhile. */
async function registrationsBy(work: () => Promise<unknown>) {
  const before = deployment.gateway.events.length;
  await work();
  const registered = deployment.gateway.events.slice(before).filter(({ type }) => type === 'client.registered');
  return { clients: registered.map((event) => String(event.clientId)) };
}
