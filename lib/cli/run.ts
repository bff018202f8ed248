import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../errors.ts';
import type { McpOAuthOptions } from '../options.ts';
import { migrate } from './migrate.ts';
import { reencryptRecords } from './reencrypt.ts';
import { rotateKeys } from './rotate-keys.ts';

/** Where a command writes its lines. */
export interface Output {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

/** What a command is given. */
export interface CommandInput extends Output {
  readonly options: McpOAuthOptions;
  readonly origin: string | undefined;
}

const usage = `Usage: express-mcp-auth <command> --config <file>

  migrate        creates or updates the tables of the configured storage
  keys rotate    publishes a new signing key; it signs after ten minutes
  keys reencrypt encrypts with the current secret what still is with a previous one

  --config FILE  module whose default export are the options of mcpOAuth()
  --origin URL   which issuer, where the options have origins instead of issuer`;

const commands: { readonly [name: string]: (input: CommandInput) => Promise<number> } = {
  migrate,
  'keys rotate': rotateKeys,
  'keys reencrypt': reencryptRecords,
};

async function readConfig(path: string): Promise<McpOAuthOptions> {
  const module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  if (typeof module.default === 'object' && module.default !== null) return module.default as McpOAuthOptions;
  throw new TypeError(`${path}: the default export must be the options of mcpOAuth()`);
}

/** @returns the exit code: 0 done, 1 failed, 2 not understood */
export async function run(args: readonly string[], output: Output): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    output.error((error as Error).message);
    output.error(usage);
    return 2;
  }
  const { values, positionals } = parsed;
  if (values.help) {
    output.out(usage);
    return 0;
  }
  const command = commands[positionals.join(' ')];
  if (!command || values.config === undefined) {
    output.error(usage);
    return 2;
  }
  try {
    return await command({ ...output, options: await readConfig(values.config), origin: values.origin });
  } catch (error) {
    output.error(
      error instanceof ConfigurationError ? error.message : `${(error as Error).name}: ${(error as Error).message}`,
    );
    return 1;
  }
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { config: { type: 'string' }, origin: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
}
