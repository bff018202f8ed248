import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type PostgresServer, startPostgres } from '../helpers/postgres-server.ts';
import { moduleUrl, openWorkplace, type Workplace } from './workplace.ts';

let workplace: Workplace;
let postgres: PostgresServer;
beforeAll(async () => {
  workplace = await openWorkplace();
  postgres = await startPostgres({ isOwn: true });
});
afterAll(async () => {
  await postgres?.close();
  await workplace?.remove();
});

it('makes the tables in PostgreSQL, and may run again', async () => {
  const url = await postgres.createDatabase();
  const file = await workplace.config(
    'postgres.config.mjs',
    `import pg from ${JSON.stringify(import.meta.resolve('pg'))};
import { postgresStorage } from ${moduleUrl('adapters/storage/postgres.ts')};
export default { issuer: 'https://mcp.example.com', storage: postgresStorage(new pg.Pool({ connectionString: '${url}' })) };`,
  );
  for (let time = 0; time < 2; time += 1)
    expect(await workplace.command('migrate', '--config', file)).toEqual({
      exitCode: 0,
      stdout: 'The schema is up to date.\n',
      stderr: '',
    });
  await postgres.stop();
  const { exitCode, stderr } = await workplace.command('migrate', '--config', file);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('StorageUnavailableError')]);
  await postgres.restart();
});
