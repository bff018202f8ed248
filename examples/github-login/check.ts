import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connectClient, startIdentityProvider } from '../../lib/testing.ts';
import { callTool } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';

/** GitHub as its documentation describes it: same host names, no ID token, a user API. */
const idp = await startIdentityProvider({ profile: 'github', hosts: 'real' });
const { clientId, clientSecret, outbound } = idp;
try {
  await tell(startApp({ clientId, clientSecret, outbound, editors: ['alice'] }), async ({ url }) => {
    idp.redirectUris.push(`${url}/oauth/callback`);
    for (const [user, id, roles] of [
      ['alice', '583231', 'editor'],
      ['bob', '583232', ''],
    ] as const) {
      const { accessToken } = await step(`${user} signs in with GitHub`, () =>
        connectClient(idp, { url: `${url}/mcp`, user }),
      );
      await step(
        `the tool knows ${user} by the number that never changes, and the roles that this app gives`,
        async () => {
          const client = new Client({ name: 'check', version: '1.0.0' });
          const headers = { authorization: `Bearer ${accessToken}` };
          await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
          const identity = JSON.parse(await callTool(client, 'whoami')) as { subject: string; roles: string[] };
          require(identity.subject === id && identity.roles.join() === roles, `${id} with [${roles}]`);
          await client.close();
        },
      );
    }
    await step('no token of GitHub is one here', async () => {
      const headers = { authorization: 'Bearer gho_0123456789abcdefghijklmnopqrstuvwxyz' };
      require((await fetch(`${url}/mcp`, { method: 'POST', headers })).status === 401, 'it is refused');
    });
  });
} finally {
  await idp.close();
}
