import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { createPerson, outcomeOf, type Person, tokensOf } from './person.ts';
import { limitMs, record, rounds, until } from './rounds.ts';

let server: RedisServer;
let gateway: Gateway;
let person: Person;
const open = (url: string) => createClient({ url, socket: { reconnectStrategy: 50 } }).on('error', () => {});
let client: ReturnType<typeof open>;

beforeAll(async () => {
  server = await startRedis({ isOwn: true, args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  client = open(server.url);
  await client.connect();
  gateway = await startGateway({
    options: () => ({ storage: redisStorage(client), gateway: { refreshGraceSeconds: 0 } }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
  });
  person = await createPerson(gateway.url);
});
afterAll(async () => {
  await gateway?.close();
  client?.destroy();
  await server?.close();
});

it(
  'with appendfsync always, a crash at the moment of use lets no code and no refresh token be used twice (F-22)',
  async () => {
    const crashes = rounds(2, 0.1);
    for (let crash = 0; crash < crashes; crash += 1) {
      const code = await person.code();
      const { refreshToken } = tokensOf(await person.client.redeem(await person.code()));
      expect(outcomeOf(await person.client.refresh(refreshToken))).toBe('200');
      expect(outcomeOf(await person.client.redeem(code))).toBe('200');
      await server.stop();
      await server.restart();
      await until(async () => (await gateway.auth.health()).storage, 20_000);
      expect(outcomeOf(await person.client.redeem(code))).toBe('400 invalid_grant');
      expect(outcomeOf(await person.client.refresh(refreshToken))).toBe('400 invalid_grant');
    }
    record(
      'F-22',
      'redis',
      `${crashes} crashes right after use, appendfsync always: 0 codes or refresh tokens used twice`,
    );
  },
  limitMs,
);

it('tells that Redis evicts, as soon as it is read (F-23)', async () => {
  await client.configSet('maxmemory-policy', 'allkeys-lru');
  const seen: unknown[] = [];
  const other = await startGateway({ options: () => ({ storage: redisStorage(client, { prefix: 'evicting:' }) }) });
  other.auth.events.on('configuration.warning', (event) => void seen.push(event));
  await other.auth.ready();
  await until(async () => seen.length > 0, 10_000);
  await other.auth.ready();
  expect(seen).toMatchObject([{ code: 'MCP_OAUTH_REDIS_EVICTION', reason: expect.stringContaining('noeviction') }]);
  await other.close();
  record('F-23', 'redis', 'eviction policy other than noeviction: configuration.warning');
});
