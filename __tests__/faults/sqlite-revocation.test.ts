import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, createPerson, type Person } from './person.ts';

const tokenCacheSeconds = 5;

let folder: string;
let cluster: Cluster;
let person: Person;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-oauth-'));
  cluster = await startCluster({
    store: { kind: 'sqlite', url: join(folder, 'shared.sqlite'), prefix: '', timeoutMs: 5000 },
    size: 2,
    options: { gateway: { tokenCacheSeconds } },
  });
  person = await createPerson(cluster.url);
});
afterAll(async () => {
  await cluster?.close();
  await rm(folder, { recursive: true });
});
afterEach(() => cluster.moveClock(0));

async function statusAt(index: number, accessToken: string): Promise<number> {
  cluster.front.steer(index);
  return (await callMcp(cluster.url, accessToken)).status;
}

describe('two processes on one SQLite file', () => {
  it.each(['accessToken', 'refreshToken'] as const)(
    'refuse a token at once where its %s was revoked, elsewhere within tokenCacheSeconds (RFC 7009 section 2.1)',
    async (revoked) => {
      cluster.front.steer(undefined);
      const tokens = await person.tokens();
      expect([await statusAt(0, tokens.accessToken), await statusAt(1, tokens.accessToken)]).toEqual([200, 200]);

      cluster.front.steer(0);
      expect((await person.client.revoke(tokens[revoked])).status).toBe(200);

      expect(await statusAt(0, tokens.accessToken)).toBe(401);
      await cluster.moveClock(tokenCacheSeconds);
      expect(await statusAt(1, tokens.accessToken)).toBe(401);
    },
  );

  it('refuse a token that neither remembers as soon as it is revoked', async () => {
    cluster.front.steer(0);
    const { accessToken } = await person.tokens();
    expect((await person.client.revoke(accessToken)).status).toBe(200);

    expect([await statusAt(1, accessToken), await statusAt(0, accessToken)]).toEqual([401, 401]);
  });
});
