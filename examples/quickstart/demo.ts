import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import type { McpOAuthEvent } from '../../lib/index.ts';
import { signInLikeAPerson } from './demo-browser.ts';
import { MemoryOAuthProvider } from './demo-oauth-provider.ts';
import { type Quickstart, startQuickstart } from './quickstart.ts';

/** Runs one step, prints it with its time, and stops everything where it does not hold. */
async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    const result = await run();
    console.log(`ok     ${name} (${Math.round(performance.now() - startedAt)} ms)`);
    return result;
  } catch (error) {
    console.log(`FAILED ${name} (${Math.round(performance.now() - startedAt)} ms)`);
    throw error;
  }
}

function require(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

const redirectUri = 'http://127.0.0.1:33418/callback';

function newClient(
  url: string,
  provider: MemoryOAuthProvider,
): { client: Client; transport: StreamableHTTPClientTransport } {
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  return { client: new Client({ name: 'demo', version: '1.0.0' }), transport };
}

async function textOf(result: Promise<unknown>): Promise<string> {
  const { content } = (await result) as { content: { text: string }[] };
  return content[0]?.text ?? '';
}

async function connectThroughLogin(url: string, provider: MemoryOAuthProvider): Promise<Client> {
  const first = newClient(url, provider);
  await step(
    'discovery and registration: the first request is refused, and the client finds its way to the sign-in',
    async () => {
      const refusal = await first.client.connect(first.transport).then(
        () => undefined,
        (error: unknown) => error,
      );
      require(refusal instanceof UnauthorizedError, 'the client asks for a sign-in');
      require(provider.clientId !== undefined, 'the client registered itself');
      require(provider.authorizationUrl, 'the client has a sign-in address');
    },
  );
  const answer = await step('approval and sign-in in a browser', () =>
    signInLikeAPerson(provider.authorizationUrl as URL, redirectUri, { name: 'Ada Lovelace', roles: 'admin' }),
  );
  require(answer.searchParams.get('iss') === new URL(url).origin, 'the answer names its issuer (RFC 9207)');
  await step('token: the code is redeemed', () => first.transport.finishAuth(answer.searchParams));
  const { client, transport } = newClient(url, provider);
  await step('connect with the token', () => client.connect(transport));
  return client;
}

async function revoke(server: Quickstart, provider: MemoryOAuthProvider): Promise<void> {
  const response = await fetch(`${server.url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: provider.tokens()?.refresh_token ?? '', client_id: provider.clientId ?? '' }),
  });
  require(response.status === 200, 'the revocation answers 200');
}

async function run(server: Quickstart): Promise<void> {
  const url = `${server.url}/mcp`;
  const provider = new MemoryOAuthProvider(redirectUri);
  const client = await connectThroughLogin(url, provider);
  await step('tools/list', async () => {
    const { tools } = await client.listTools();
    require(tools.map(({ name }) => name).join() === 'whoami,count', 'both tools are listed');
  });
  await step('tools/call: the tool knows who calls', async () => {
    const identity = JSON.parse(await textOf(client.callTool({ name: 'whoami', arguments: {} }))) as {
      subject: string;
      roles: string[];
    };
    require(identity.subject === 'Ada Lovelace' && identity.roles.includes('admin'), 'subject and roles arrive');
  });
  await step('a streamed answer', async () => {
    const seen: number[] = [];
    const answer = client.callTool(
      { name: 'count', arguments: { to: 5 } },
      { onprogress: ({ progress }) => void seen.push(progress) },
    );
    require((await textOf(answer)) === 'counted to 5' && seen.length === 5, 'five progress messages arrive');
  });
  const before = provider.tokens();
  await step('refresh: the client renews its tokens by itself, and both change', async () => {
    provider.spoilAccessToken();
    await client.listTools();
    const after = provider.tokens();
    require(after?.access_token !== before?.access_token &&
      after?.refresh_token !== before?.refresh_token, 'both tokens changed');
  });
  const proxied = new MemoryOAuthProvider(redirectUri);
  const adder = await connectThroughLogin(`${server.url}/adder`, proxied);
  await step('tools/call through the proxy', async () => {
    require((await textOf(adder.callTool({ name: 'add', arguments: { a: 2, b: 3 } }))) === '5', '2 + 3 = 5');
  });
  await step('revoke: the token is refused at once', async () => {
    const { access_token: token = '' } = provider.tokens() ?? {};
    await revoke(server, provider);
    const refused = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    require(refused.status === 401, 'the next request is 401');
  });
  await client.close();
  await adder.close();
}

const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-demo-'));
const server = await startQuickstart({ port: 0, databasePath: join(folder, 'demo.sqlite') });
const events: McpOAuthEvent[] = [];
server.auth.events.on('*', (event) => void events.push(event));
try {
  await run(server);
  console.log('\nEvery step held.');
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\nThe server's last events:`);
  for (const event of events.slice(-5)) console.error(JSON.stringify(event));
  process.exitCode = 1;
} finally {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
