import { describe, it } from '@jest/globals';
import { startRedis } from '../helpers/redis-server.ts';
import { expectEveryStep } from './run-check.ts';

describe('examples/redis-replicas', () => {
  it('holds every step of its story, behind nginx', async () => {
    const server = await startRedis();
    try {
      await expectEveryStep(['redis-replicas'], { REDIS_URL: server.url });
    } finally {
      await server.close();
    }
  }, 200_000);
});
