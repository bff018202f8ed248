import { createRemoteJWKSet, jwtVerify } from 'jose';
import { connect } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startGateway } from './app.ts';

await tell(startGateway(), async ({ url, arrived }) => {
  await step('nobody gets through without a login', async () => {
    require((await fetch(`${url}/notes`, { method: 'POST' })).status === 401, 'it is 401');
    require(arrived.length === 0, 'the Python server heard nothing');
  });
  const connected = await step('Ada signs in at the gateway', () =>
    connect(`${url}/notes`, { name: 'ada', roles: '' }),
  );
  await step('and calls a tool of the Python server', async () => {
    const { tools } = await connected.client.listTools();
    require(tools.map(({ name }) => name).join() === 'shout', 'it is listed');
    require((await connected.call('shout', { text: 'hello' })) === 'HELLO', 'it answers');
  });
  await step('her token stayed at the gateway; who she is came along, signed', async () => {
    require(arrived.length > 0 && arrived.every(({ authorization }) => authorization === null), 'no bearer');
    const keys = createRemoteJWKSet(new URL(`${url}/oauth/jwks`));
    const { payload } = await jwtVerify(arrived.at(-1)?.identity ?? '', keys, { issuer: url });
    require(payload.sub === 'ada', 'it is Ada');
  });
  await connected.client.close();
});
