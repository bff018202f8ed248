import { connect, whoami } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startGateway } from './gateway.ts';

await tell(startGateway(), async ({ url, isNext }) => {
  await step(
    isNext ? 'pages are served by Next.js' : 'pages are served by a stand-in: Next.js is not installed',
    async () => {
      require((await (await fetch(url)).text()).includes('Hello from Next.js'), 'the page is there');
    },
  );
  await step('the MCP route is 401 without a token, with the way to one', async () => {
    const { status, headers } = await fetch(`${url}/mcp`, { method: 'POST' });
    require(status === 401 && headers.get('www-authenticate')?.includes('resource_metadata='), 'it challenges');
  });
  const connected = await step('a client with nothing but the URL signs in', () =>
    connect(`${url}/mcp`, { name: 'ada', roles: '' }),
  );
  await step('the tool knows who calls', async () => {
    require((await whoami(connected)).subject === 'ada', 'it is Ada');
  });
  await connected.client.close();
});
