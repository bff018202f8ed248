import { StorageUnavailableError } from '../../../lib/storage/storage.ts';
import { isUnknownScript, toStorageError } from './errors.ts';
import type { Script } from './scripts.ts';

/**
 * What the store needs of a client: clients, clusters, sentinels and pools of `redis` (node-redis) 6 and `@redis/client`
 * have it; `fromIORedis()` gives it to the ones of ioredis.
 *
 * Only scripts, reads too: every client sends them to the master of their key, whatever it does with plain reads. A read
 * from a replica could find a token that was revoked a moment ago.
 */
export interface RedisClient {
  eval(script: string, input: ScriptInput): Promise<unknown>;
  evalSha(sha1: string, input: ScriptInput): Promise<unknown>;
  /**
   * The same client with a limit on how long a command waits to be sent, milliseconds, where there is such a thing: what
   * was answered as unavailable must not be done later, when the connection is back.
   */
  withCommandOptions?(options: { timeout: number }): RedisClient;
}

/** Keys all lie in one slot. Arrays of its own for each call. */
export interface ScriptInput {
  keys: string[];
  arguments: string[];
}

/** Runs a script with the present as its first argument; rejects as the port says. */
export type RunScript = (script: Script, keys: readonly string[], ...args: readonly string[]) => Promise<unknown>;

export interface RunnerOptions {
  readonly now: () => number;
  readonly commandTimeoutMs: number;
}

export function createRunner(client: RedisClient, { now, commandTimeoutMs }: RunnerOptions) {
  let isClosed = false;
  const limited = client.withCommandOptions?.({ timeout: commandTimeoutMs }) ?? client;

  /** By its hash, and by its text where the server does not know it yet, or any more: it did nothing then. */
  async function evaluate({ text, sha1 }: Script, keys: readonly string[], args: string[]): Promise<unknown> {
    try {
      return await limited.evalSha(sha1, { keys: [...keys], arguments: args });
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
    }
    return limited.eval(text, { keys: [...keys], arguments: args });
  }

  const run: RunScript = async (script, keys, ...args) => {
    if (isClosed) throw new StorageUnavailableError('Redis: the store was closed');
    return answerWithin(commandTimeoutMs, evaluate(script, keys, [String(now()), ...args]));
  };

  /** From here on nothing is run; the client stays open. */
  const close = () => {
    isClosed = true;
  };

  return { run, close };
}

async function answerWithin<T>(timeoutMs: number, command: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const refuse = () => reject(new StorageUnavailableError(`Redis gave no answer within ${timeoutMs} ms`));
    timer = setTimeout(refuse, timeoutMs);
  });
  try {
    return await Promise.race([command, timeout]);
  } catch (error) {
    throw toStorageError(error);
  } finally {
    clearTimeout(timer);
  }
}
