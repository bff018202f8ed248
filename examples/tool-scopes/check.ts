import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { signInLikeAPerson } from '../quickstart/demo-browser.ts';
import { connect } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';

const person = { name: 'ada', roles: '' };

await tell(startApp(), async ({ url }) => {
  const { client, provider, call } = await step('Ada connects, and is asked for reading alone', async () => {
    const connected = await connect(`${url}/mcp`, person);
    require(connected.provider.tokens()?.scope === 'documents:read', 'the token reads');
    return connected;
  });
  await step('listing works', async () => {
    require((await call('list')) === 'a, b', 'she sees her documents');
  });
  const first = provider.authorizationUrl;
  await step('removing is refused with the scope that it needs, and her client asks for that', async () => {
    const refused = await call('remove').then(
      () => false,
      () => true,
    );
    require(refused, 'the call does not go through');
    require(provider.authorizationUrl !== first, 'the client has a new sign-in address');
    require(provider.authorizationUrl?.searchParams.get('scope')?.includes('documents:write'), 'it names the scope');
  });
  await step('she approves it, and the same call goes through', async () => {
    const redirectUri = provider.redirectUrl;
    const answer = await signInLikeAPerson(provider.authorizationUrl as URL, redirectUri, person);
    await new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { authProvider: provider }).finishAuth(
      answer.searchParams,
    );
    require((await call('remove')) === 'removed', 'they are removed');
  });
  await client.close();
});
