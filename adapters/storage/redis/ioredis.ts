import type { RedisClient, ScriptInput } from './client.ts';

/** What `Redis` and `Cluster` of ioredis have. */
export interface IORedisClient {
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/**
 * An ioredis `Redis` or `Cluster` for {@link redisStorage}.
 *
 * By itself ioredis keeps what it could not send, or got no answer for, and sends it when the connection is back, after
 * the store has rejected the call: without its queues a refused call is not made later. A `Cluster` takes
 * `autoResendUnfulfilledCommands` in `redisOptions`. And it waits up to 5 seconds between attempts to connect.
 *
 * @example
 * const redis = new Redis(process.env.REDIS_URL, {
 *   enableOfflineQueue: false,
 *   autoResendUnfulfilledCommands: false,
 *   retryStrategy: (attempt) => Math.min(attempt * 50, 1000),
 * });
 * redis.on('error', (error) => log.warn(error));
 * const storage = redisStorage(fromIORedis(redis));
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
