import { connect, whoami } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';

await tell(startApp(), async ({ url }) => {
  await step("the app's own route is as it was, its JSON parser too", async () => {
    const answer = await (await fetch(url)).json();
    require((answer as { hello: string }).hello === 'Fastify', 'it answers');
  });
  await step('the MCP route is 401 without a token, with the way to one', async () => {
    const { status, headers } = await fetch(`${url}/mcp`, { method: 'POST' });
    require(status === 401 && headers.get('www-authenticate')?.includes('resource_metadata='), 'it challenges');
  });
  const connected = await step('a client with nothing but the URL signs in', () =>
    connect(`${url}/mcp`, { name: 'ada', roles: 'editor' }),
  );
  await step('the tool knows who calls', async () => {
    const { subject, roles } = await whoami(connected);
    require(subject === 'ada' && roles.join() === 'editor', 'it is Ada, an editor');
  });
  await connected.client.close();
});
