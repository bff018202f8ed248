import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { callTool, connect, whoami } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';

const key = 'the key of the nightly report';
const owner = { id: 'nightly-report', roles: ['reader'], scopes: ['mcp:tools'] };

await tell(startApp({ [key]: owner }), async ({ url }) => {
  await step('a program calls a tool with its key alone, and the tool knows it', async () => {
    const client = new Client({ name: 'report', version: '1.0.0' });
    const requestInit = { headers: { 'x-api-key': key } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
    const identity = JSON.parse(await callTool(client, 'whoami')) as { subject: string; clientId: string };
    require(identity.subject === 'nightly-report' && identity.clientId === 'key:nightly-report', 'it is the report');
    await client.close();
  });
  await step('a wrong key is refused', async () => {
    const { status } = await fetch(`${url}/mcp`, { method: 'POST', headers: { 'x-api-key': 'wrong' } });
    require(status === 401, '401');
  });
  await step('a person signs in as before', async () => {
    const connected = await connect(`${url}/mcp`, { name: 'ada', roles: '' });
    require((await whoami(connected)).subject === 'ada', 'it is Ada');
    await connected.client.close();
  });
  await step('whoever brings neither is told the way to sign in', async () => {
    const { headers } = await fetch(`${url}/mcp`, { method: 'POST' });
    require(headers.get('www-authenticate')?.includes('resource_metadata='), 'it challenges');
  });
});
