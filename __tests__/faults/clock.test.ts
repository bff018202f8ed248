import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { memoryStorage } from '../../lib/index.ts';
import { moveClock } from '../federation/clock.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { callMcp, createPerson, outcomeOf, tokensOf } from './person.ts';
import { record } from './rounds.ts';

const hour = 3600;
const storage = memoryStorage();
let gateway: Gateway;

beforeAll(async () => {
  gateway = await startGateway({
    options: () => ({ storage, gateway: { tokenCacheSeconds: 0, refreshTokenTtlSeconds: 600 } }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
  });
});
afterEach(() => {
  jest.useRealTimers();
  expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
});
afterAll(() => gateway.close());

it('keeps expired codes and tokens expired when the clock goes back an hour after they were swept (F-34)', async () => {
  const person = await createPerson(gateway.url);
  const old = await person.tokens();
  const code = await person.code();
  moveClock(2 * hour);
  expect(outcomeOf(await person.client.redeem(code))).toBe('400 invalid_grant');
  expect(outcomeOf(await person.client.refresh(old.refreshToken))).toBe('400 invalid_grant');
  expect((await callMcp(gateway.url, old.accessToken)).status).toBe(401);
  await storage.sweep(Date.now() / 1000, 10_000);

  jest.useRealTimers();
  moveClock(hour);
  moveClock(-hour);
  expect(outcomeOf(await person.client.redeem(code))).toBe('400 invalid_grant');
  expect(outcomeOf(await person.client.refresh(old.refreshToken))).toBe('400 invalid_grant');
  expect((await callMcp(gateway.url, old.accessToken)).status).toBe(401);
  record('F-34', 'memory', 'expired and swept: refused after the clock went back');
});

it('serves people who signed in before the clock went back an hour, and after it (F-34)', async () => {
  const before = await createPerson(gateway.url);
  const tokens = await before.tokens();
  moveClock(-hour);
  expect((await callMcp(gateway.url, tokens.accessToken)).status).toBe(200);
  expect(outcomeOf(await before.client.refresh(tokens.refreshToken))).toBe('200');
  expect(tokensOf(await before.client.redeem(await before.code())).accessToken).not.toBe(tokens.accessToken);
  const after = await createPerson(gateway.url);
  expect((await callMcp(gateway.url, (await after.tokens()).accessToken)).status).toBe(200);
  record('F-34', 'memory', 'sessions, tokens and new logins go on, no exception');
});
