import { expect, it } from '@jest/globals';
import { startGateway } from '../helpers/gateway.ts';
import { createFailingStorage } from './failing-storage.ts';
import { callMcp, createPerson } from './person.ts';
import { record } from './rounds.ts';

it.each([
  { jwtRevocationCheck: true, status: 503, name: 'looked up' },
  { jwtRevocationCheck: false, status: 200, name: 'not looked up' },
])('answers $status to a JWT whose grant is $name while storage is down, never 401 (F-16)', async (given) => {
  const { jwtRevocationCheck, status } = given;
  const failing = createFailingStorage();
  const gateway = await startGateway({
    options: () => ({
      storage: failing.storage,
      gateway: { tokenCacheSeconds: 0, accessTokenFormat: 'jwt', jwtRevocationCheck },
    }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
  });
  const { accessToken } = await (await createPerson(gateway.url)).tokens();
  failing.failAt(1, { when: 'before', stays: true });
  expect((await callMcp(gateway.url, accessToken)).status).toBe(status);
  failing.heal();
  expect((await callMcp(gateway.url, accessToken)).status).toBe(200);
  record('F-16', 'memory', `revocation check ${jwtRevocationCheck ? 'on' : 'off'}: ${status}`);
  await gateway.close();
});
