/** Tells the story from end to end, and exits with 0 only if every step held. */
import type { Client } from '@modelcontextprotocol/client';
import type { McpOAuthEvent } from '../../lib/index.ts';
import { startGateway } from './gateway.ts';
import { createPerson } from './person.ts';

async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    const result = await run();
    console.log(`ok     ${name}`);
    return result;
  } catch (error) {
    console.log(`FAILED ${name}`);
    throw error;
  }
}

function require(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

async function call(client: Client, name: string): Promise<string> {
  const { content } = await client.callTool({ name, arguments: {} });
  return (content as { text: string }[])[0]?.text ?? '';
}

const linkIn = (text: string) => /https?:\S+/.exec(text)?.[0] ?? '';

const gateway = await startGateway();
const events: McpOAuthEvent[] = [];
gateway.auth.events.on('*', (event) => void events.push(event));
const clients: Client[] = [];

async function connect(person: ReturnType<typeof createPerson>, path: string): Promise<Client> {
  const client = await person.client(`${gateway.url}${path}`);
  clients.push(client);
  return client;
}

async function run(): Promise<void> {
  const ada = createPerson('ada', true);
  const bob = createPerson('bob', false);
  const adaNotes = await step('Ada signs in and connects her notes on the page after the login', () =>
    connect(ada, '/notes'),
  );
  await step('her client reads her notes, with a token that only the gateway knows', async () => {
    require((await call(adaNotes, 'list_notes')) === 'the notes of ada@notes', 'the notes are hers');
  });
  await step('the search server gets the key of the gateway', async () => {
    require((await call(await connect(ada, '/search'), 'search')) === 'found it', 'it answers');
  });
  await step('the open server is behind the same login', async () => {
    require((await call(await connect(ada, '/weather'), 'forecast')) === 'sun', 'it answers');
  });
  const bobNotes = await step('Bob signs in and connects nothing', () => connect(bob, '/notes'));
  const link = await step('his client sees one tool, which gives him a link', async () => {
    const { tools } = await bobNotes.listTools();
    require(tools.map(({ name }) => name).join() === 'connect_notes', 'one tool');
    return linkIn(await call(bobNotes, 'connect_notes'));
  });
  await step('the link is of no use to Ada', async () => {
    require((await ada.open(link)).status === 403, 'she is refused');
  });
  await step('Bob opens it, and his client reads his notes', async () => {
    require((await bob.open(link)).status === 200, 'his notes are connected');
    const again = await connect(bob, '/notes');
    require((await call(again, 'list_notes')) === 'the notes of bob@notes', 'the notes are his');
    require((await call(adaNotes, 'list_notes')) === 'the notes of ada@notes', 'and hers are hers');
  });
  await step('both connections are events', async () => {
    require(events.filter(({ type }) => type === 'upstream.connected').length === 2, 'two connections');
  });
}

try {
  await run();
  console.log('\nEvery step held.');
} finally {
  for (const client of clients) await client.close();
  await gateway.close();
}
