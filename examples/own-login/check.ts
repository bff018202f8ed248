import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { signInLikeAPerson } from '../quickstart/demo-browser.ts';
import { MemoryOAuthProvider } from '../quickstart/demo-oauth-provider.ts';
import { startApp } from './app.ts';

/** The self-check: a real MCP client signs its user in at the app's own page, and the tool knows who calls. */
const redirectUri = 'http://127.0.0.1:33418/callback';
const app = await startApp();
try {
  const provider = new MemoryOAuthProvider(redirectUri);
  const transport = () => new StreamableHTTPClientTransport(new URL(`${app.url}/mcp`), { authProvider: provider });
  const first = transport();
  const refusal = await new Client({ name: 'check', version: '1.0.0' }).connect(first).catch((error: unknown) => error);
  if (!(refusal instanceof UnauthorizedError) || !provider.authorizationUrl)
    throw new Error('no sign-in was asked for');

  const wrong = { name: 'ada', password: 'wrong' };
  const isRefused = await signInLikeAPerson(provider.authorizationUrl, redirectUri, wrong).then(
    () => false,
    () => true,
  );
  if (!isRefused) throw new Error('a wrong password was accepted');
  const answer = await signInLikeAPerson(provider.authorizationUrl, redirectUri, {
    name: 'ada',
    password: 'analytical',
  });
  await first.finishAuth(answer.searchParams);

  const client = new Client({ name: 'check', version: '1.0.0' });
  await client.connect(transport());
  const { content } = (await client.callTool({ name: 'whoami', arguments: {} })) as { content: { text: string }[] };
  const { subject, roles } = JSON.parse(content[0]?.text ?? '') as { subject: string; roles: string[] };
  if (subject !== 'ada' || roles.join() !== 'editor') throw new Error(`the tool sees ${subject} with ${roles}`);
  await client.close();

  const { grants } = await app.auth.revoke({ sub: 'ada', idp: app.url });
  if (grants !== 1) throw new Error(`${grants} grants were ended instead of one`);
  console.log('Every step held.');
} finally {
  await app.close();
}
