import { describe } from '@jest/globals';
import { createClient } from 'redis';
import { growth, type Multiply, multiplied } from './growth.ts';
import { redisStore } from './stores.ts';

const batch = 5000;

/** KEYS: what is copied. ARGV: the first number and the last. */
const COPY = `
for _, key in ipairs(KEYS) do
  for n = tonumber(ARGV[1]), tonumber(ARGV[2]) do
    redis.call('COPY', key, string.sub(key, 1, -10) .. string.format('%09d', n))
  end
end
`;

const multiply: Multiply = async (store, copies) => {
  const { url, prefix } = store.address();
  const client = await createClient({ url }).connect();
  const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
  const records = await client.keys(`${prefix}record:*`);
  const wanted = new RegExp(`record:(${multiplied.join('|')}):[A-Za-z0-9]{12}:[\\w-]{43}$`);
  const keys = records.filter((key) => wanted.test(key));
  if (keys.length < multiplied.length) throw new Error(`only ${keys.length} records of ${records.length} to copy`);
  const before = await memory();
  for (let from = 1; from <= copies; from += batch) {
    const last = Math.min(copies, from + batch - 1);
    await client.eval(COPY, { keys, arguments: [String(from), String(last)] });
  }
  const bytes = Math.round(((await memory()) - before) / copies);
  client.destroy();
  return bytes;
};

describe('Redis', () => growth(redisStore, multiply));
