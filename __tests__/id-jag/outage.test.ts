import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { record } from '../faults/rounds.ts';
import { moveClock } from '../federation/clock.ts';
import type { Answer } from '../helpers/oauth-client.ts';
import { createIdJagKey } from './issuer.ts';
import { type Redemption, startRedemption } from './support.ts';

let redemption: Redemption;
beforeEach(async () => {
  redemption = await startRedemption();
});
afterEach(async () => {
  jest.useRealTimers();
  await redemption.close();
});

const outcome = ({ status, json }: Answer) => [status, json?.error];
const good = [200, undefined];
const unavailable = [503, 'temporarily_unavailable'];
const refused = [400, 'invalid_grant'];

/** The documents are as they were: the status alone says that they do not count. */
const fail = (status = 500) => {
  redemption.idp.status = status;
};
const answerWith = (body: string) => {
  redemption.idp.answer = (_request, response) => void response.end(body);
};
const present = async (claims: Record<string, unknown> = {}) =>
  redemption.present(await redemption.idp.assertion({ claims }));
const keyFetches = () => redemption.idp.requests.filter((path) => path === '/jwks').length;

describe('while the identity provider does not answer', () => {
  it.each([
    ['an outage', () => fail()],
    ['nothing there', () => fail(404)],
    ['a redirect', () => fail(302)],
    ['no JSON', () => answerWith('<html>')],
    [
      'metadata of another issuer',
      () => {
        redemption.idp.metadataIssuer = 'https://evil.example';
      },
    ],
    [
      'no keys',
      () => {
        const { issuer } = redemption.idp;
        redemption.idp.answer = (_request, response) => void response.end(JSON.stringify({ issuer, jwks_uri: issuer }));
      },
    ],
    ['more than 64 KB', () => answerWith(`{"x":"${'x'.repeat(65_536)}"}`)],
  ])('an assertion is told to try again, never that it is invalid: %s (F-30)', async (_what, begin) => {
    begin();
    const assertion = await redemption.idp.assertion();
    const { answer, events, writes } = await redemption.observe(assertion);
    expect(outcome(answer)).toEqual(unavailable);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(answer.text).not.toContain(redemption.idp.issuer);
    expect(events).toEqual([
      expect.stringMatching(/^token\.refused: temporarily_unavailable: id_jag: keys_unavailable: /),
    ]);
    expect(writes).toEqual([]);

    Object.assign(redemption.idp, { answer: undefined, status: 200, metadataIssuer: undefined });
    moveClock(6);
    expect(outcome(await redemption.present(assertion))).toEqual(good);
  });

  it('a known key goes on for an hour, and then is not trusted any more (F-30)', async () => {
    expect(outcome(await present())).toEqual(good);
    fail();
    const answers: unknown[] = [];
    for (const seconds of [500, 700, 2000, 390]) {
      moveClock(seconds);
      answers.push(outcome(await present()));
    }
    expect(answers).toEqual([good, good, good, good]);
    moveClock(20);
    expect(outcome(await present())).toEqual(unavailable);
    record('F-30', 'id-jag', 'assertions after 60 min without key set succeed; then 503');
  });

  it('an unknown key is told to try again', async () => {
    expect(outcome(await present())).toEqual(good);
    fail();
    const key = await createIdJagKey('new');
    expect(outcome(await redemption.present(await redemption.idp.assertion({ key })))).toEqual(unavailable);
  });
});

describe('keys that the identity provider rotates', () => {
  it('are found with the first assertion that names one (F-28)', async () => {
    expect(outcome(await present())).toEqual(good);
    const next = await createIdJagKey('second');
    redemption.idp.keys.unshift(next);
    expect(outcome(await redemption.present(await redemption.idp.assertion({ key: next })))).toEqual(good);
    expect(keyFetches()).toBe(2);
  });

  it('lose trust within ten minutes when they are withdrawn (F-28)', async () => {
    const old = redemption.idp.keys[0];
    expect(outcome(await present())).toEqual(good);
    redemption.idp.keys.unshift(await createIdJagKey('second'));
    redemption.idp.keys.pop();
    moveClock(601);
    const { answer, events } = await redemption.observe(await redemption.idp.assertion(old && { key: old }));
    expect(outcome(answer)).toEqual(refused);
    expect(events).toEqual(['token.refused: invalid_grant: id_jag: key_unknown']);
    record('F-28', 'id-jag', 'first assertion under the new key succeeds; a removed key is refused after 10 min');
  });

  it('are fetched twice for 200 forged key ids, and the good one is accepted meanwhile (F-29)', async () => {
    const forger = await createIdJagKey('forged');
    const assertions = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        redemption.idp.assertion({ key: forger, header: { kid: `forged-${index}` } }),
      ),
    );
    const answers = await Promise.all(assertions.map((assertion) => redemption.present(assertion)));
    expect(new Set(answers.map((answer) => outcome(answer).join()))).toEqual(new Set([refused.join()]));
    expect(keyFetches()).toBeLessThanOrEqual(2);
    expect(outcome(await present())).toEqual(good);
    expect(keyFetches()).toBeLessThanOrEqual(2);
    record('F-29', 'id-jag', `200 forged key ids at once: ${keyFetches()} fetches, the good key goes on`);
  });
});
