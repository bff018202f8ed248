import { ConfigurationError } from '../../../lib/errors.ts';
import { readOptions } from '../../../lib/shared/option-reader.ts';

/** Options of `redisStorage()`. */
export interface RedisStorageOptions {
  /** The present, UNIX seconds, may be fractional. The server's clock is never asked. @defaultValue the system's clock */
  readonly now?: () => number;
  /**
   * Begins every key. Non-empty; braces only as one hash tag, such as `{mcp}:`, which puts everything into one slot of a
   * cluster. @defaultValue 'mcp-oauth:'
   */
  readonly prefix?: string;
  /**
   * How long a call waits for any one answer of the server, milliseconds; then it rejects with
   * `StorageUnavailableError`. Integer, 1 to 60000. @defaultValue 5000
   */
  readonly commandTimeoutMs?: number;
}

const prefixRule = {
  what: 'a non-empty string without braces, or with one pair of them around a hash tag',
  accept: (text: string) => /^(?:[^{}]+|[^{}]*\{[^{}]+\}[^{}]*)$/.test(text),
};

/** @throws {@link ConfigurationError} */
export function resolveOptions(client: unknown, options: RedisStorageOptions): Required<RedisStorageOptions> {
  const read = readOptions(options, ['now', 'prefix', 'commandTimeoutMs']);
  const { eval: evaluate, evalSha, evalsha } = (client ?? {}) as Record<string, unknown>;
  if (typeof evaluate !== 'function' || typeof evalSha !== 'function') {
    const hint =
      typeof evalsha === 'function' ? ': write redisStorage(fromIORedis(client))' : ', as a node-redis client has';
    read.problems.unshift({ option: 'client', message: `must have eval and evalSha${hint}` });
  }
  const now = read.fn('now') as (() => number) | undefined;
  const resolved = {
    now: now ?? (() => Date.now() / 1000),
    prefix: read.string('prefix', prefixRule) ?? 'mcp-oauth:',
    commandTimeoutMs: read.integer('commandTimeoutMs', { min: 1, max: 60_000, fallback: 5000 }),
  };
  if (read.problems.length > 0) throw new ConfigurationError('redisStorage(client, options)', read.problems);
  return Object.freeze(resolved);
}
