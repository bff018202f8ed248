import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { postgresStorage } from '../../adapters/storage/postgres.ts';
import { send } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, createPerson, outcomeOf, tokensOf } from './person.ts';
import { limitMs, record, rounds } from './rounds.ts';
import { type FaultStore, postgresStore } from './stores.ts';

let store: FaultStore;
let cluster: Cluster;
let pool: pg.Pool;
beforeAll(async () => {
  store = await postgresStore();
  cluster = await startCluster({ store: store.address(), size: 2 });
  pool = new pg.Pool({ connectionString: store.address().url });
});
afterAll(async () => {
  await pool?.end();
  await cluster?.close();
  await store?.close();
});

/** A release to come: what it adds to the schema, and to records that it writes. */
async function upgrade(): Promise<void> {
  await pool.query('ALTER TABLE mcp_oauth_records ADD COLUMN region text');
  await pool.query('CREATE TABLE mcp_oauth_of_the_next_release (id text PRIMARY KEY)');
  await pool.query('INSERT INTO mcp_oauth_migrations (version) VALUES (2)');
  await pool.query(`UPDATE mcp_oauth_records SET value = value || '{"ofTheNextRelease": {"is": true}}', region = 'eu'`);
}

it(
  'processes of this release go on beside a newer schema, and one that would migrate it refuses and says so (F-41)',
  async () => {
    const person = await createPerson(cluster.url);
    let { refreshToken } = await person.tokens();
    const flow = async () => {
      const refreshed = tokensOf(await person.client.refresh(refreshToken));
      refreshToken = refreshed.refreshToken;
      expect((await callMcp(cluster.url, refreshed.accessToken)).status).toBe(200);
      expect(outcomeOf(await person.client.redeem(await person.code()))).toBe('200');
      await (await createPerson(cluster.url)).tokens();
    };
    const count = rounds(3, 0.2);
    for (let turn = 0; turn < count; turn += 1) await flow();
    await upgrade();
    for (let turn = 0; turn < count; turn += 1) await flow();

    // What it does not know stays in the records that it writes over.
    const { rows } = await pool.query(
      `SELECT count(*) AS n FROM mcp_oauth_records WHERE kind = 'Client' AND value ? 'ofTheNextRelease'`,
    );
    expect(Number(rows[0]?.n)).toBeGreaterThan(0);

    await expect(postgresStorage(pool).migrate?.()).rejects.toThrow(
      'has schema version 2, and this release of express-mcp-auth knows up to 1',
    );
    // These processes migrate by themselves.
    await cluster.restart(1);
    cluster.front.steer(1);
    expect((await send(`${cluster.url}/health`)).status).toBe(503);
    expect((await callMcp(cluster.url, 'x'.repeat(43))).status).toBe(503);
    expect(cluster.events).toContainEqual(
      expect.objectContaining({ type: 'storage.unavailable', reason: expect.stringContaining('has schema version 2') }),
    );
    cluster.front.steer(0);
    await flow();
    record(
      'F-41',
      'postgres',
      `${count} rounds of flows before and ${count + 1} after a newer schema and newer records: all 200; a process that would ` +
        'migrate: 503, "has schema version 2, and this release knows up to 1" (the newer release is simulated: there is none yet)',
    );
  },
  limitMs,
);
