import { mcpOAuth } from '../mcp-oauth.ts';
import type { CommandContext } from './command.ts';
import { readConfigArguments } from './config.ts';

/** `express-mcp-auth keys rotate`: publishes a new signing key; running processes pick it up within a minute. */
export async function rotateKeys(args: readonly string[], { out, error }: CommandContext): Promise<number> {
  const { options, origin } = await readConfigArguments(args);
  const auth = mcpOAuth(options);
  try {
    const { rotated } = await auth.rotateKeys(origin);
    if (rotated)
      out(
        'A new signing key is published. It signs after ten minutes; the old one is kept until its last token has ended.',
      );
    else
      error('Nothing was rotated: a new key is published already and does not sign yet, or another process was first.');
    return rotated ? 0 : 1;
  } finally {
    await auth.close();
    await options.storage?.close();
  }
}
