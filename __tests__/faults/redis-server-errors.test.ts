import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { startGateway } from '../helpers/gateway.ts';
import { register } from '../helpers/oauth-client.ts';
import { callMcp, createPerson, outcomeOf } from './person.ts';
import { record } from './rounds.ts';
import { type FaultStore, redisStore } from './stores.ts';

let store: FaultStore;
const open = (url: string) => createClient({ url }).on('error', () => {});
let client: ReturnType<typeof open>;

beforeAll(async () => {
  store = await redisStore();
  client = open(store.address().url);
  await client.connect();
});
afterAll(async () => {
  client?.destroy();
  await store?.close();
});

it('answers 503 while Redis is full, still reads, loses nothing, and goes on when there is room (F-21)', async () => {
  const gateway = await startGateway({
    options: () => ({ storage: redisStorage(client), gateway: { tokenCacheSeconds: 0 } }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
  });
  const person = await createPerson(gateway.url);
  const { accessToken, refreshToken } = await person.tokens();
  await client.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });
  const refused = [
    await person.client.refresh(refreshToken),
    await register(gateway.url, { redirect_uris: ['http://127.0.0.1:1/callback'] }),
  ];
  expect(refused.map(outcomeOf)).toEqual(Array(2).fill('503 temporarily_unavailable'));
  expect(refused.map(({ headers }) => headers.has('retry-after'))).toEqual([true, true]);
  const whileFull = (await callMcp(gateway.url, accessToken)).status;
  expect([200, 503]).toContain(whileFull);
  await client.configSet('maxmemory', '0');
  expect((await callMcp(gateway.url, accessToken)).status).toBe(200);
  expect(outcomeOf(await person.client.refresh(refreshToken))).toBe('200');
  record('F-21', 'redis', `OOM: writes 503, reads ${whileFull}; then the same refresh token works`);
  await gateway.close();
});
