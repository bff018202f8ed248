/** A real MCP client and the person who uses it. */
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { signInLikeAPerson } from '../quickstart/demo-browser.ts';
import { MemoryOAuthProvider } from '../quickstart/demo-oauth-provider.ts';

const redirectUri = 'http://127.0.0.1:33418/callback';

export interface Connected {
  readonly client: Client;
  readonly provider: MemoryOAuthProvider;
  /** Text of the first content of a tool's answer. */
  call(tool: string, args?: Record<string, unknown>): Promise<string>;
}

/** Connects as somebody who has nothing but the URL: discovery, registration, approval, sign-in, tokens. */
export async function connect(url: string, person: Record<string, string>): Promise<Connected> {
  const provider = new MemoryOAuthProvider(redirectUri);
  const attempt = () => ({
    client: new Client({ name: 'example', version: '1.0.0' }),
    transport: new StreamableHTTPClientTransport(new URL(url), { authProvider: provider }),
  });
  const first = attempt();
  const refusal = await first.client.connect(first.transport).catch((error: unknown) => error);
  if (!(refusal instanceof UnauthorizedError) || !provider.authorizationUrl)
    throw new Error(`no sign-in was asked for: ${String(refusal)}`);
  const answer = await signInLikeAPerson(provider.authorizationUrl, redirectUri, person);
  await first.transport.finishAuth(answer.searchParams);
  const { client, transport } = attempt();
  await client.connect(transport);
  return { client, provider, call: (tool, args = {}) => callTool(client, tool, args) };
}

export async function callTool(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = (await client.callTool({ name, arguments: args })) as { content: { text: string }[] };
  return content[0]?.text ?? '';
}

/** What the tool `whoami` of the quick start says. */
export async function whoami({
  call,
}: Pick<Connected, 'call'>): Promise<{ subject: string; roles: string[]; scopes: string[] }> {
  return JSON.parse(await call('whoami'));
}
