import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { type Storage, StorageUnavailableError } from '../../lib/storage/storage.ts';

describe('errors', () => {
  test('of a client that was never connected are outages', async () => {
    const storage = redisStorage(createClient());
    await expect(storage.get('Token', 'a')).rejects.toThrow(StorageUnavailableError);
  });

  function failing(error: unknown): Storage {
    const fail = () => Promise.reject(error);
    return redisStorage({ eval: fail, evalSha: fail });
  }

  // The third is how Redis 6 puts what a command inside a script said.
  test.each([
    'LOADING Redis is loading the dataset in memory',
    'CLUSTERDOWN Hash slot not served',
    "ERR Error running script (call to f_1): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
    'MOVED 3999 127.0.0.1:6381',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'NOREPLICAS Not enough good replicas to write.',
    'MISCONF Errors writing to the AOF file: No space left on device',
    'ERR max number of clients reached',
    'ERR Protocol error: unauthenticated multibulk length',
    'NOPERM User app has no permissions to run the command',
    'Too many Cluster redirections. Last error: Error: Connection is closed.',
    'Socket closed unexpectedly',
    'The queue is full',
  ])('with this message are outages, and say nothing of it: %s', async (message) => {
    const cause = new Error(message);
    const error = await failing(cause)
      .get('Token', 'a')
      .catch((error) => error);
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toMatch(/^Redis cannot answer \([A-Za-z ]+\)$/);
    expect(error.cause).toBe(cause);
  });

  test.each([
    new Error('ERR value is not an integer or out of range script: f1, on @user_script:3.'),
    new Error('WRONGTYPE Operation against a key holding the wrong kind of value'),
    new Error("CROSSSLOT Keys in request don't hash to the same slot"),
    new TypeError('Invalid argument type'),
  ])('that are mistakes stay what they are: $message', async (error) => {
    await expect(failing(error).get('Token', 'a')).rejects.toBe(error);
  });
});
