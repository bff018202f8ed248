import { describe, it } from '@jest/globals';
import { startPostgres } from '../helpers/postgres-server.ts';
import { expectEveryStep } from './run-check.ts';

describe('examples/postgres', () => {
  it('holds every step of its story', async () => {
    const server = await startPostgres();
    try {
      await expectEveryStep(['postgres'], { DATABASE_URL: await server.createDatabase() });
    } finally {
      await server.close();
    }
  }, 200_000);
});
