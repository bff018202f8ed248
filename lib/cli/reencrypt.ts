import { mcpOAuth } from '../mcp-oauth.ts';
import type { CommandContext } from './command.ts';
import { readConfigArguments } from './config.ts';

/** `express-mcp-auth keys reencrypt`: makes previous entries of the option `secret` superfluous. */
export async function reencryptRecords(args: readonly string[], { out, error }: CommandContext): Promise<number> {
  const { options } = await readConfigArguments(args);
  const auth = mcpOAuth(options);
  try {
    const { resealed, left } = await auth.reencrypt();
    out(`Encrypted anew with the current secret: ${resealed}. Left under a previous secret: ${left}.`);
    if (left === 0) {
      out(
        'Logins in progress end by themselves: the previous secrets can be dropped once stateTtlSeconds (15 minutes) have passed.',
      );
      return 0;
    }
    error(
      'Something is left: a server still encrypts with a previous secret, or the records cannot be read. Run again.',
    );
    return 1;
  } finally {
    await auth.close();
    await options.storage?.close();
  }
}
