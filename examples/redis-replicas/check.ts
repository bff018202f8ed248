import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { connectClient, startIdentityProvider } from '../../lib/testing.ts';
import { callTool } from '../shared/mcp-client.ts';
import { require, step } from '../shared/story.ts';
import { startNginx } from './nginx.ts';

const script = fileURLToPath(new URL('./replica.ts', import.meta.url));
const nginx = await startNginx();
const issuer = `${nginx.origin}/gateway`;
const company = await startIdentityProvider({ redirectUris: [`${issuer}/oauth/callback`] });
const processes: ChildProcess[] = [];

async function startReplica(name: string): Promise<string> {
  const env = {
    ...process.env,
    ISSUER: issuer,
    IDP_ISSUER: company.issuer,
    IDP_CLIENT_ID: company.clientId,
    IDP_CLIENT_SECRET: company.clientSecret,
    PREFIX: prefix,
    NAME: name,
  };
  const replica = fork(script, { env, execArgv: ['--disable-warning=ExperimentalWarning'], silent: true });
  processes.push(replica);
  const [{ url }] = (await once(replica, 'message')) as [{ url: string }];
  return url;
}

const prefix = `example-${randomUUID()}:`;
const answeredBy = async (path: string) => (await fetch(`${nginx.origin}${path}`)).headers.get('x-replica');

async function run(): Promise<void> {
  await step('two replicas start behind nginx', async () => {
    await nginx.use([await startReplica('one'), await startReplica('two')]);
    const seen: (string | null)[] = [];
    // For a moment a worker of nginx answers that has not heard of them.
    while (seen.slice(-4).includes(null) || seen.length < 4) seen.push(await answeredBy('/gateway/ready'));
    require([...new Set(seen.slice(-4))].sort().join() === 'one,two', 'both answer');
  });
  await step('metadata is found at the root of the origin, and names the issuer with its path', async () => {
    const metadata = await fetch(`${nginx.origin}/.well-known/oauth-authorization-server/gateway`);
    const { issuer: named } = (await metadata.json()) as { issuer: string };
    require(named === issuer, 'it is the same string');
  });
  const tokens = await step('a client signs in, each of its requests at another replica', () =>
    connectClient(company, { url: `${issuer}/mcp`, user: 'alice' }),
  );
  const client = new Client({ name: 'check', version: '1.0.0' });
  await step('its calls work at both, and streamed answers come through nginx piece by piece', async () => {
    const requestInit = { headers: { authorization: `Bearer ${tokens.accessToken}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${issuer}/mcp`), { requestInit }));
    const { subject } = JSON.parse(await callTool(client, 'whoami')) as { subject: string };
    require(subject !== undefined, 'the tool knows who calls');
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
    await client.callTool({ name: 'count', arguments: { to: 3 } }, { onprogress });
    require(seen.join() === '1,2,3', 'three progress messages');
  });
  await step('the same refresh token at both replicas at once gives one successor', async () => {
    const refresh = async () => {
      const body = {
        grant_type: 'refresh_token',
        refresh_token: tokens.refreshToken ?? '',
        client_id: tokens.clientId,
      };
      const answer = await fetch(tokens.tokenEndpoint, { method: 'POST', body: new URLSearchParams(body) });
      return ((await answer.json()) as { refresh_token?: string }).refresh_token;
    };
    const [first, second] = await Promise.all([refresh(), refresh()]);
    require(first !== undefined && first === second, 'both got the same');
  });
  await step('one replica goes, and nobody notices', async () => {
    const [one] = processes;
    one?.kill('SIGTERM');
    if (one) await once(one, 'exit');
    for (let request = 0; request < 4; request += 1)
      require((await answeredBy('/gateway/ready')) === 'two', 'the other one answers');
    require((await callTool(client, 'whoami')).includes('subject'), 'the client goes on');
  });
  await client.close();
}

try {
  await run();
  console.log('\nEvery step held.');
} finally {
  for (const replica of processes.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    replica.kill('SIGTERM');
    await once(replica, 'exit');
  }
  await nginx.close();
  await company.close();
}
