import { readFile } from 'node:fs/promises';
import { connect, whoami } from '../shared/mcp-client.ts';
import { require, step, tell } from '../shared/story.ts';
import { startApp } from './app.ts';
import { spans } from './sdk.ts';

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const exported = async (url: string) => (await fetch(`${url}/metrics`)).text();

/** Waits for what ends a moment after its answer. */
async function eventually(holds: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 500 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  return holds();
}

await tell(startApp(), async ({ url }) => {
  await step('somebody signs in and calls a tool', async () => {
    const connected = await connect(`${url}/mcp`, { name: 'ada', roles: '' });
    require(typeof (await whoami(connected)) === 'object', 'the tool answers');
    await connected.client.close();
  });
  await step('Prometheus sees the login, the call and the store', async () => {
    const text = await exported(url);
    for (const name of [
      'mcp_oauth_token_issued_total',
      'mcp_oauth_client_registered_total',
      'mcp_oauth_authorization_duration_count',
      'mcp_server_operation_duration_count',
      'mcp_oauth_store_operation_duration_count',
    ])
      require(text.includes(name), name);
    require(/gen_ai_tool_name="whoami"/.test(text), 'the tool is named');
  });
  await step('the trace leads from the call to the upstream', async () => {
    const of = (kind: number) =>
      spans.getFinishedSpans().find((span) => span.name === 'tools/call whoami' && span.kind === kind);
    require(await eventually(() => of(1) !== undefined && of(2) !== undefined), 'both sides have ended');
    require(of(1)?.spanContext().traceId === of(2)?.spanContext().traceId, 'one trace');
  });
  await step('every panel of the dashboard asks for a metric that is there', async () => {
    const text = await exported(url);
    const { panels } = JSON.parse(await readFile(new URL('dashboard.json', import.meta.url), 'utf8')) as Dashboard;
    require(panels.length > 5, 'there are panels');
    const asked = panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/\bmcp_[a-z_]+/g) ?? []));
    for (const name of asked.filter((word) => /_(?:total|bucket|count|sum)$/.test(word)))
      require(text.includes(name), name);
  });
});
