import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

/** Whether the store's server keeps what is stored. */
export const redisEviction: Check<Configuration> = {
  id: 'redis-eviction',
  severity: 'error',
  looksAt:
    'The store names no setting of its server that endangers what is stored: Redis has `maxmemory-policy noeviction`.',
  hurts: 'People, once Redis is full: clients and grants vanish, and a used code is forgotten to be used.',
  mend: 'Set `maxmemory-policy noeviction` in redis.conf or in the parameter group of a hosted Redis.',
  run: async (configuration) => {
    const { storage } = configuration.inspection().settings;
    if (!storage.warnings) return { skipped: 'this store has no such settings' };
    try {
      return (await storage.warnings()).map(({ code, reason }) => `${code}: ${reason}`);
    } catch {
      throw new Missing('the store does not answer');
    }
  },
};
