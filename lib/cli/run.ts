import { ConfigurationError } from '../errors.ts';
import { type CommandContext, type Output, UsageError } from './command.ts';
import { usage } from './usage.ts';

type Run = (args: readonly string[], context: CommandContext) => Promise<number>;

interface Command {
  /** Exit code where it failed for a reason of its own. */
  readonly failed: number;
  /** Loaded only when it is wanted: the usage is there at once. */
  readonly load: () => Promise<Run>;
}

const commands: { readonly [name: string]: Command } = {
  doctor: { failed: 2, load: async () => (await import('./doctor/command.ts')).doctor },
  'import clients': { failed: 1, load: async () => (await import('./import-clients/command.ts')).importClients },
  'import zuplo': { failed: 1, load: async () => (await import('./import-zuplo/command.ts')).importZuplo },
  migrate: { failed: 1, load: async () => (await import('./migrate.ts')).migrate },
  'keys reencrypt': { failed: 1, load: async () => (await import('./reencrypt.ts')).reencryptRecords },
  'keys rotate': { failed: 1, load: async () => (await import('./rotate-keys.ts')).rotateKeys },
};

function find(args: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const words of [1, 2]) {
    const name = args.slice(0, words).join(' ');
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command) return { command, rest: args.slice(words) };
  }
  throw new UsageError(args.length === 0 ? 'a command is needed' : `${args[0]} is no command`);
}

/** @returns the exit code: 0 done, 1 failed, 2 not understood; of `doctor` 0 sound, 1 findings, 2 could not run */
export async function run(args: readonly string[], output: Output): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    output.out(usage);
    return 0;
  }
  let failed = 2;
  try {
    const { command, rest } = find(args);
    failed = command.failed;
    const start = await command.load();
    return await start(rest, output);
  } catch (error) {
    if (error instanceof UsageError) {
      output.error(error.message);
      output.error(usage);
      return 2;
    }
    output.error(
      error instanceof ConfigurationError ? error.message : `${(error as Error).name}: ${(error as Error).message}`,
    );
    return failed;
  }
}
