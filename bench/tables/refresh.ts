import type { ServerSpec } from '../harness/server-process.ts';
import type { Comparison, Table } from '../harness/table.ts';
import { openEngines } from './engines.ts';
import { refreshing } from './operations.ts';

/** Refresh with rotation on every engine, ours beside bare oidc-provider on the same one. */
export async function refresh(): Promise<Table> {
  const missing: string[] = [];
  const engines = await openEngines((name, reason) => missing.push(`${name} was not measured: ${reason}`));
  const servers: Record<string, ServerSpec> = {};
  const comparisons: Comparison[] = [];
  for (const { name, createStore } of engines) {
    const [bare, ours] = [`bare ${name}`, `ours ${name}`];
    servers[bare] = { variant: 'bare-provider', settings: { store: await createStore('bare') } };
    servers[ours] = { variant: 'gateway', settings: { store: await createStore('ours') } };
    comparisons.push({
      operation: `Refresh on ${name}`,
      subjects: [
        {
          name: `bare oidc-provider, ${name === 'memory' ? 'Map' : 'plain adapter'}`,
          server: bare,
          prepare: refreshing,
        },
        { name: 'ours', server: ours, prepare: refreshing, target: 1.1 },
      ],
    });
  }
  return {
    title: 'Refresh with rotation, by storage engine',
    notes: [
      'Ours as it is by default: grace window of 30 s with its answer encrypted, single use, grant tombstones, identities looked up. Bare has none of these, and `expiresWithSession` off as ours has: with its default it makes one call more.',
      'Storage calls are those of the storage interface, in sequence in parentheses; commands and round trips are what the engine got. CPU is that of the Node process alone.',
      'Redis and Postgres run on this machine, on the core of the load generator; a network would add its latency once for each round trip.',
      ...missing,
    ],
    servers,
    comparisons,
    countsCalls: true,
    versions: Object.fromEntries(engines.filter(({ version }) => version).map(({ name, version }) => [name, version])),
    close: async () => {
      for (const { close } of engines) await close();
    },
  };
}
