import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { recordId } from '../../lib/shared/record-ids.ts';
import { moveClock } from '../federation/clock.ts';
import type { Page } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, createOAuthClient, register } from '../helpers/oauth-client.ts';
import { createFailingStorage, type Failure } from './failing-storage.ts';
import { callMcp, createPerson, outcomeOf, type Tokens, tokensOf } from './person.ts';
import { limitMs, parallel, record } from './rounds.ts';

/** Longer than the lease of a refresh that was not finished, shorter than the grace window. */
const afterLeaseSeconds = 12;

/** Also tries again at once, which takes seconds for each call. */
const isAtLength = process.env.FAULT_ROUNDS !== undefined;

const failures: (Failure & { readonly name: string })[] = [
  { name: 'is refused once', when: 'before', stays: false },
  { name: 'is refused, as are those after it', when: 'before', stays: true },
  { name: 'loses its answer once', when: 'after', stays: false },
  { name: 'loses its answer, as do those after it', when: 'after', stays: true },
];

const open: Gateway[] = [];

async function startFailing(refreshGraceSeconds: number, steps: 'one' | 'several' = 'one') {
  const failing = createFailingStorage(steps);
  const gateway = await startGateway({
    options: () => ({ storage: failing.storage, gateway: { tokenCacheSeconds: 0, refreshGraceSeconds } }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({})),
  });
  open.push(gateway);
  await gateway.auth.ready();
  const person = await createPerson(gateway.url);
  const issuer = parseIssuer(gateway.url) as Issuer;

  /** Of tokens that were given out, how many can still be refreshed; and that nothing lives without its grant. */
  async function liveHeads(given: readonly string[]): Promise<number> {
    const grants = new Set((await failing.live('Grant')).map(({ id }) => id));
    const heads = await failing.live('RefreshToken');
    for (const { grantId } of [...heads, ...(await failing.live('AccessToken'))]) {
      expect(grants.has(String(grantId))).toBe(true);
    }
    const live = new Set(heads.map(({ id }) => id));
    return given.filter((token) => live.has(recordId(issuer, token))).length;
  }
  return { failing, gateway, person, liveHeads };
}

type Started = Awaited<ReturnType<typeof startFailing>>;

/** Lets every storage call of a request fail in turn. @returns what failed, and what came of the token afterwards */
async function failEachCall(
  { failing, person, liveHeads, gateway }: Started,
  failure: Failure,
  prepare: () => Promise<{ readonly request: () => Promise<Answer>; readonly held: readonly string[] }>,
): Promise<string[]> {
  const results: string[] = [];
  for (let call = 1; ; call += 1) {
    jest.useRealTimers();
    const { request, held } = await prepare();
    failing.failAt(call, failure);
    const interrupted = await request();
    const failed = failing.heal();
    const given: Answer[] = [interrupted];
    if (failed === undefined) {
      expect(outcomeOf(interrupted)).toBe('200');
      return results;
    }
    // Only an outage may be told; whatever else was decided must have been decided completely.
    expect(['200', '503 temporarily_unavailable']).toContain(outcomeOf(interrupted));
    if (isAtLength) given.push(await request());
    moveClock(afterLeaseSeconds);
    const again = await request();
    given.push(again);
    expect(['200', '400 invalid_grant']).toContain(outcomeOf(again));
    const tokens: Tokens[] = given.filter(({ status }) => status === 200).map(tokensOf);
    expect(
      await liveHeads([...new Set([...held, ...tokens.map(({ refreshToken }) => refreshToken)])]),
    ).toBeLessThanOrEqual(1);
    const last = tokens.at(-1);
    if (again.status === 200 && last) {
      expect((await callMcp(gateway.url, last.accessToken)).status).toBe(200);
      expect(outcomeOf(await person.client.refresh(last.refreshToken))).toBe('200');
    }
    results.push(`${failed}: ${given.map(outcomeOf).join(', ')}`);
  }
}

function summaryOf(results: readonly string[]): string {
  const kept = results.filter((result) => /: .*\b200\b/.test(result)).length;
  return `${results.length} calls, ${kept} times the token went on, ${results.length - kept} times invalid_grant`;
}

afterEach(async () => {
  jest.useRealTimers();
  await Promise.all(open.splice(0).map((gateway) => gateway.close()));
});

describe.each(failures)('a storage call that $name', (failure) => {
  it(
    'makes every kind of request succeed or answer 503, wherever it happens (F-15)',
    async () => {
      const { gateway, person, failing } = await startFailing(30);
      const { client, browser } = person;
      const withSecret = { token_endpoint_auth_method: 'client_secret_post' };
      const confidential = await createPerson(gateway.url, await createOAuthClient(gateway.url, withSecret));
      const own = await confidential.tokens();
      const requests: Record<string, () => Promise<Answer | Page>> = {
        introspect: () => confidential.client.introspect(own.accessToken),
        register: () => register(gateway.url, { redirect_uris: [client.redirectUri] }),
        authorize: () => browser.get(client.authorizeUrl()),
        approve: async () => {
          failing.pause(true);
          const approval = await browser.get(client.authorizeUrl());
          failing.pause(false);
          return browser.submit(approval, 'csrf', { decision: 'approve' });
        },
        'MCP route': () => callMcp(gateway.url, own.accessToken),
        revoke: () => client.revoke('x'.repeat(43)),
      };
      await person.tokens();
      const wrong: string[] = [];
      for (const [name, request] of Object.entries(requests)) {
        for (let call = 1, failed: string | undefined = ''; failed !== undefined; call += 1) {
          failing.failAt(call, failure);
          const answer = await request();
          failed = failing.heal();
          const body = 'html' in answer ? answer.html : answer.text;
          const isOutage =
            answer.status === 503 && body.includes('temporarily_unavailable') && answer.headers.has('retry-after');
          if (answer.status >= 400 && !isOutage)
            wrong.push(`${name}, ${failed}: ${answer.status} ${body.slice(0, 200)}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
    },
    limitMs,
  );

  it.each([
    { grace: 30, steps: 'one', calls: 3 },
    { grace: 30, steps: 'several', calls: 9 },
    { grace: 0, steps: 'one', calls: 3 },
    { grace: 0, steps: 'several', calls: 8 },
  ] as const)(
    'leaves a refresh with one live token or a clean refusal, with a grace window of $grace s, written in $steps (F-20)',
    async ({ grace, steps, calls }) => {
      const started = await startFailing(grace, steps);
      const results = await failEachCall(started, failure, async () => {
        const { refreshToken } = await started.person.tokens();
        return { request: () => started.person.client.refresh(refreshToken), held: [refreshToken] };
      });
      record('F-20', 'memory', `refresh, grace ${grace} s, in ${steps}, a call ${failure.name}: ${summaryOf(results)}`);
      expect(results.length).toBeGreaterThanOrEqual(calls);
      expect(started.gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
    },
    limitMs,
  );

  it(
    'leaves a code with one live token or a clean refusal (F-20)',
    async () => {
      const started = await startFailing(30);
      const results = await failEachCall(started, failure, async () => {
        const code = await started.person.code();
        return { request: () => started.person.client.redeem(code), held: [] };
      });
      record('F-20', 'memory', `code, a call ${failure.name}: ${summaryOf(results)}`);
      expect(results.length).toBeGreaterThanOrEqual(5);
      expect(started.gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
    },
    limitMs,
  );
});

// Whoever waits for a request that failed once waits for seconds, and there is nothing else to see.
describe.each(failures.filter(({ stays }) => stays || isAtLength))('a storage call that $name', (failure) => {
  it.each(['one', 'several'] as const)(
    'leaves parallel refreshes with one live token, written in %s (F-20)',
    async (steps) => {
      const started = await startFailing(30, steps);
      const { failing, person, liveHeads } = started;
      for (let call = 1, isOver = false; !isOver; call += 1) {
        jest.useRealTimers();
        const { refreshToken } = await person.tokens();
        failing.failAt(call, failure);
        const answers = parallel(3, () => person.client.refresh(refreshToken));
        // Those that wait for another's answer must not wait for the store without end.
        const outcomes = (await answers).map(outcomeOf);
        isOver = failing.heal() === undefined;
        expect(['200', '503 temporarily_unavailable']).toEqual(expect.arrayContaining(outcomes));
        moveClock(afterLeaseSeconds);
        const again = await person.client.refresh(refreshToken);
        expect(outcomeOf(again)).toBe('200');
        const tokens = [...(await answers), again].filter(({ status }) => status === 200).map(tokensOf);
        expect(await liveHeads([...new Set(tokens.map((given) => given.refreshToken))])).toBe(1);
      }
      expect(started.gateway.events.filter(({ type }) => type === 'server.error')).toEqual([]);
    },
    limitMs,
  );
});
