import type { RedisClient, ScriptInput } from './client.ts';

/** What `Redis` and `Cluster` of ioredis have. */
export interface IORedisClient {
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/**
 * An ioredis `Redis` or `Cluster` for {@link redisStorage}.
 *
 * ioredis sends what it could not send, or got no answer for, again when the connection is back, even after the store
 * has rejected the call: give it `enableOfflineQueue: false` and `autoResendUnfulfilledCommands: false`, a `Cluster` the
 * latter in `redisOptions`.
 */
export function fromIORedis(client: IORedisClient): RedisClient {
  return {
    eval: (script, input) => withoutCommand(client.eval(script, input.keys.length, ...flat(input))),
    evalSha: (sha1, input) => withoutCommand(client.evalsha(sha1, input.keys.length, ...flat(input))),
  };
}

function flat({ keys, arguments: args }: ScriptInput): string[] {
  return [...keys, ...args];
}

/** ioredis notes the whole command on its errors, record values among the arguments: they would end in logs. */
async function withoutCommand<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error) delete (error as { command?: unknown }).command;
    throw error;
  }
}
