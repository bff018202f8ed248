import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type CommandContext, UsageError } from '../command.ts';
import { importZuplo as importDocuments } from './config.ts';

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { out: { type: 'string' }, force: { type: 'boolean' } },
    });
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`${path} is no JSON: ${(cause as Error).message}`);
  }
}

/** `express-mcp-auth import zuplo`. @returns 0 written @throws UsageError, TypeError */
export async function importZuplo(args: readonly string[], { out }: CommandContext): Promise<number> {
  const { values, positionals } = parse(args);
  const [policies, routes] = positionals;
  if (policies === undefined || positionals.length > 2) throw new UsageError('import zuplo needs a policies file');
  const file = values.out ?? 'mcp-oauth.config.ts';
  const documents = [await readJson(policies), routes === undefined ? undefined : await readJson(routes)] as const;
  const { text, report } = importDocuments(...documents);
  await writeFile(file, text, { flag: values.force === true ? 'w' : 'wx' });
  for (const line of report.left) out(`no equivalent: ${line}`);
  for (const line of report.check) out(`look at: ${line}`);
  out(
    `${file} is written: ${report.left.length} things have no equivalent, ${report.check.length} are to be looked at.`,
  );
  return 0;
}
