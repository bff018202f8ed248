import type { CommandContext } from './command.ts';
import { readConfigArguments } from './config.ts';

/** `express-mcp-auth migrate`: brings the storage's schema up to date. */
export async function migrate(args: readonly string[], { out }: CommandContext): Promise<number> {
  const { storage } = (await readConfigArguments(args)).options;
  if (!storage) {
    out('The default SQLite file brings its own schema: nothing to migrate.');
    return 0;
  }
  if (!storage.migrate) {
    await storage.ping();
    out('This storage has no schema: nothing to migrate.');
    await storage.close();
    return 0;
  }
  await storage.migrate();
  await storage.ping();
  out('The schema is up to date.');
  await storage.close();
  return 0;
}
