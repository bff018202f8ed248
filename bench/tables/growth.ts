import { type ServerSpec, startServer } from '../harness/server-process.ts';
import type { Table } from '../harness/table.ts';
import { seededToken } from '../variants/seed.ts';
import { callingInTurn, refreshing } from './operations.ts';

const sizes = [1000, 100_000, 1_000_000];
const counted = 100_000;
/** The last one is more than are remembered. */
const tokenCounts = [100, 10_000, 20_000];

async function rssOf(settings: object): Promise<number> {
  const server = await startServer({ variant: 'gateway', settings });
  try {
    return (await server.ask('usage')).rssBytes;
  } finally {
    await server.stop();
  }
}

const named = (count: number) => (count >= 1_000_000 ? `${count / 1_000_000} M` : `${count / 1000} k`);

/** What a refresh costs among many. */
export async function growth(): Promise<Table> {
  const empty = await rssOf({});
  const bytesOf = async (seed: object) => Math.round(((await rssOf({ seed })) - empty) / counted);
  const client = await bytesOf({ clients: counted });
  const grant = await bytesOf({ grants: counted });
  const servers: Record<string, ServerSpec> = {};
  for (const count of sizes)
    servers[named(count)] = { variant: 'gateway', settings: { seed: { clients: count, grants: count } } };
  for (const accessTokens of tokenCounts)
    servers[`${accessTokens} tokens`] = {
      variant: 'gateway',
      settings: { seed: { accessTokens }, gateway: { tokenCacheSeconds: 60 } },
    };
  return {
    title: 'Growth: refresh among many grants, calls with many tokens',
    notes: [
      'Memory storage, filled with as many clients, and grants with a refresh token and a user each, as the row says; twelve users refresh among them.',
      'A process remembers 10,000 access tokens, for 60 s at most: of 20,000 in turn every one is looked up again, on memory storage here.',
      `Resident memory, of ${named(counted)}: ${client} bytes for each client, ${grant} bytes for each grant with its refresh token and its user.`,
    ],
    servers,
    comparisons: [
      {
        operation: 'Refresh',
        subjects: sizes.map((count, at) => ({
          name: `ours, ${named(count)} grants`,
          server: named(count),
          prepare: refreshing,
          ...(at > 0 && { target: 1.1 }),
        })),
      },
      {
        operation: 'Authenticated call, by tokens in use',
        subjects: tokenCounts.map((count) => ({
          name: `ours, ${count.toLocaleString('en')} tokens`,
          server: `${count} tokens`,
          prepare: callingInTurn(count, seededToken),
        })),
      },
    ],
  };
}
