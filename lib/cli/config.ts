import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { McpOAuthOptions } from '../options.ts';
import { UsageError } from './command.ts';

/** Reads a config file. @throws TypeError where its default export are no options */
export async function readConfig(path: string): Promise<McpOAuthOptions> {
  const module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  if (typeof module.default === 'object' && module.default !== null) return module.default as McpOAuthOptions;
  throw new TypeError(`${path}: the default export must be the options of mcpOAuth()`);
}

/** What a command that works on options is given. */
export interface ConfigArguments {
  readonly options: McpOAuthOptions;
  readonly origin: string | undefined;
  readonly positionals: readonly string[];
}

/** Arguments of a command that needs `--config`. @param count of arguments without a name @throws UsageError */
export async function readConfigArguments(args: readonly string[], count = 0): Promise<ConfigArguments> {
  const { values, positionals } = parse(args);
  if (values.config === undefined || positionals.length !== count) throw new UsageError('--config FILE is needed');
  return { options: await readConfig(values.config), origin: values.origin, positionals };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { config: { type: 'string' }, origin: { type: 'string' } },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}
