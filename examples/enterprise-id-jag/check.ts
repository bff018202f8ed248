/** Tells the story from end to end, and exits with 0 only if every step held. */
import type { McpOAuthEvent } from '../../lib/index.ts';
import { connect, signIn } from './agent.ts';
import { agent, startStory } from './story.ts';

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

const { company, gateway, close } = await startStory();
const events: McpOAuthEvent[] = [];
gateway.auth.events.on('*', (event) => void events.push(event));
const url = `${gateway.url}/mcp`;

/** As the SDK sends it. */
function redeem(assertion: string): Promise<Response> {
  const { clientId, clientSecret } = agent;
  const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const body = new URLSearchParams({ grant_type, assertion, client_id: clientId, client_secret: clientSecret });
  return fetch(`${gateway.url}/oauth/token`, { method: 'POST', body });
}

async function run(): Promise<void> {
  const idToken = await step('Ada signs in at the company', () => signIn(company.issuer, agent, 'ada'));
  const connection = await step(
    'her assistant connects with an ID-JAG: no browser, no registration, no question',
    async () => {
      const connected = await connect(url, company.issuer, agent, idToken);
      const seen = events.map(({ type }) => type);
      require(seen.includes('id_jag.accepted'), 'the assertion was redeemed');
      require(!seen.some((type) => /^(?:client|consent|login)\./.test(type)), 'nobody was asked anything');
      return connected;
    },
  );
  await step('a tool is called in her name', async () => {
    const { content } = await connection.client.callTool({ name: 'payslip', arguments: {} });
    const [first] = content as { text: string }[];
    require(first?.text === 'payslip of ada, asked for by assistant', 'the tool knows her and her assistant');
  });
  await step('the same assertion is good once', async () => {
    const again = await redeem(connection.assertion());
    require(again.status === 400, 'it is refused');
    require(events.at(-1)?.reason?.endsWith('id_jag: replayed'), 'the event says why');
  });
  await step('the company does not allow it for Bob', async () => {
    const bob = await signIn(company.issuer, agent, 'bob');
    const refusal = await connect(url, company.issuer, agent, bob).then(
      () => '',
      (error: Error) => error.message,
    );
    require(refusal.includes('access_denied'), 'the exchange is refused');
  });
  await step('an administrator ends what the assistant may do for Ada, at once', async () => {
    const { grants } = await gateway.auth.revoke({ sub: 'ada', idp: company.issuer });
    require(grants > 0, 'there was a grant');
    const headers = { authorization: `Bearer ${connection.accessToken()}` };
    require((await fetch(url, { method: 'POST', headers })).status === 401, 'the token is refused');
  });
  await connection.client.close();
}

try {
  await run();
  console.log('\nEvery step held.');
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\nThe last events:`);
  for (const event of events.slice(-5)) console.error(JSON.stringify(event));
  process.exitCode = 1;
} finally {
  await close();
}
