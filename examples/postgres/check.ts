import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, whoami } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';

const databaseUrl = process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const tokenOf = ({ provider }: Awaited<ReturnType<typeof connect>>) => provider.tokens()?.access_token ?? '';

/** On a connection of its own, since the server is another one later. @returns the status */
async function request(url: string, token: string): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const [response] = (await once(get(`${url}/mcp`, { headers, agent: false }), 'response')) as [IncomingMessage];
  response.destroy();
  return response.statusCode;
}

let port = 0;
let token = '';
await tell(startApp(databaseUrl), async ({ url, pool }) => {
  port = Number(new URL(url).port);
  const connected = await step('a client signs in, and the tool knows who calls', async () => {
    const found = await connect(`${url}/mcp`, { name: 'ada', roles: '' });
    require((await whoami(found)).subject === 'ada', 'it is Ada');
    return found;
  });
  token = tokenOf(connected);
  await step('the database holds no token in plain text', async () => {
    const { rows } = await pool.query<{ name: string }>(
      "SELECT table_schema || '.' || quote_ident(table_name) AS name FROM information_schema.tables WHERE table_name LIKE '%oauth%'",
    );
    require(rows.length > 0, 'there are tables');
    for (const { name } of rows) {
      const found = await pool.query(`SELECT 1 FROM ${name} AS records WHERE records::text LIKE $1`, [`%${token}%`]);
      require(found.rows.length === 0, 'none of them has it');
    }
  });
  await step('the process says whether it is ready', async () => {
    require((await fetch(`${url}/ready`)).status === 200, 'it is');
  });
  await connected.client.close();
});
await tell(startApp(databaseUrl, port), async ({ url }) => {
  await step('after a restart the same token still works', async () => {
    require((await request(url, token)) !== 401, 'it is accepted');
    require((await request(url, `${token}x`)) === 401, 'and no other one');
  });
});
