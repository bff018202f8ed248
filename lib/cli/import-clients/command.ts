import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { inspectOptions } from '../../inspection.ts';
import { mcpOAuth } from '../../mcp-oauth.ts';
import { type CommandContext, UsageError } from '../command.ts';
import { readConfig } from '../config.ts';
import { type ClientRow, describeRowProblem, readClient, readRows } from './rows.ts';

/** What of oidc-provider's client model is needed besides the public type. */
interface ClientModel {
  /** @throws Error where the metadata is not valid */
  new (metadata: Record<string, unknown>): { metadata(): Record<string, unknown> };
  find(clientId: string): Promise<unknown>;
  readonly adapter: {
    upsert(clientId: string, metadata: Record<string, unknown>, expiresIn: number): Promise<void>;
  };
}

/** What became of each row. */
interface Outcome {
  readonly imported: string[];
  /** Known here already: left as they are. */
  readonly present: string[];
  readonly refused: { readonly client: string; readonly reason: string }[];
}

const methods = ['client_secret_basic', 'client_secret_post'];

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        origin: { type: 'string' },
        json: { type: 'boolean' },
        'auth-method': { type: 'string' },
      },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

async function readFileOfClients(path: string): Promise<ClientRow[]> {
  const text = await readFile(path, 'utf8');
  try {
    return readRows(JSON.parse(text));
  } catch (cause) {
    // Without what stands in the file: it holds secrets.
    throw cause instanceof SyntaxError ? new TypeError(`${path} is no JSON`) : cause;
  }
}

/** oidc-provider's own words on metadata, without its values. */
function descriptionOf(error: unknown): string {
  const { error_description: description } = error as { error_description?: unknown };
  if (typeof description !== 'string') throw error;
  return description;
}

/** `express-mcp-auth import clients`. @returns 0 all are here, 1 some were refused @throws UsageError, TypeError */
export async function importClients(args: readonly string[], { out, error }: CommandContext): Promise<number> {
  const { values, positionals } = parse(args);
  const [file] = positionals;
  const withSecret = values['auth-method'] ?? 'client_secret_basic';
  if (file === undefined || positionals.length > 1 || values.config === undefined)
    throw new UsageError('import clients needs a file of clients and --config FILE');
  if (!methods.includes(withSecret)) throw new UsageError(`--auth-method must be ${methods.join(' or ')}`);
  const rows = await readFileOfClients(file);
  const options = await readConfig(values.config);
  const { normalizeClient, settings } = inspectOptions(options, values.origin);
  const auth = mcpOAuth(options);
  const outcome: Outcome = { imported: [], present: [], refused: [] };
  try {
    const { Client } = (await auth.provider(values.origin)) as unknown as { Client: ClientModel };
    for (const row of rows) {
      const read = readClient(row, normalizeClient, withSecret, Math.floor(Date.now() / 1000));
      const client = row.clientId ?? `row ${row.position + 1}`;
      const refuse = (reason: string) => outcome.refused.push({ client, reason });
      if ('problem' in read) {
        refuse(describeRowProblem(read.problem));
        continue;
      }
      if (await Client.find(client)) {
        outcome.present.push(client);
        continue;
      }
      let metadata: Record<string, unknown>;
      try {
        metadata = new Client(read.client).metadata();
      } catch (cause) {
        refuse(descriptionOf(cause));
        continue;
      }
      await Client.adapter.upsert(client, metadata, settings.clients.registration.clientTtlSeconds);
      outcome.imported.push(client);
    }
  } finally {
    await auth.close();
    await options.storage?.close();
  }
  if (values.json === true) out(JSON.stringify(outcome, null, 2));
  else report(outcome, { out, error });
  return outcome.refused.length === 0 ? 0 : 1;
}

function report({ imported, present, refused }: Outcome, { out, error }: CommandContext): void {
  for (const { client, reason } of refused) error(`refused ${client}: ${reason}`);
  for (const client of present) out(`left as it is ${client}: it is known here already`);
  out(`${imported.length} clients imported, ${present.length} known already, ${refused.length} refused.`);
}
