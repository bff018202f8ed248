import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { record } from '../faults/rounds.ts';
import type { IdTokenHook } from '../helpers/identity-provider-faults.ts';
import { moveClock } from './clock.ts';
import { type Federation, requestsTo, startFederation } from './support.ts';

/** Seconds between two looks for an unknown key, and how long a key set is kept. */
const COOLDOWN = 30;
const MAX_AGE = 600;

let federation: Federation;
beforeEach(async () => {
  federation = await startFederation();
});
afterEach(async () => {
  jest.useRealTimers();
  await federation.close();
});

const fetches = () => requestsTo(federation, '/jwks').length;

/** ID tokens under the second key, which has this name. */
const underKey =
  (kid: string): IdTokenHook =>
  (claims, sign) =>
    sign(claims, 'foreign-key', { kid });

/** The provider publishes its second key: beside the first one, or alone. */
function publish(kid: string, { alone }: { alone: boolean }): void {
  federation.idp.misbehave.jwks = ({ keys }) => ({
    keys: [...(alone ? [] : (keys as object[])), { ...federation.idp.foreignKey, kid }],
  });
}

describe('the key set of the identity provider', () => {
  it('is fetched once for many logins (OpenID Connect Core section 10.1.1)', async () => {
    for (const user of ['alice', 'bob', 'alice'])
      expect(await federation.login(undefined, user)).toHaveProperty('code');
    expect(fetches()).toBe(1);
  });

  it('is fetched once for logins that come together (CWE-400)', async () => {
    const browsers = Array.from({ length: 5 }, () => federation.browser());
    const callbacks = await Promise.all(browsers.map((browser) => federation.signInOnly(browser)));
    const pages = await Promise.all(browsers.map((browser, index) => browser.get(String(callbacks[index]))));

    expect(pages.filter(({ location }) => location?.includes('code='))).toHaveLength(5);
    expect(fetches()).toBe(1);
  });

  it('is not fetched for each of 50 tokens under forged key ids, but once in 30 seconds at most (GHSA-675f-rq2r-jw82)', async () => {
    moveClock(0);
    expect(await federation.login()).toHaveProperty('code');
    let forged = 0;
    federation.idp.misbehave.idToken = (claims, sign) => underKey(`forged-${++forged}`)(claims, sign);
    for (let round = 0; round < 25; round++) expect((await federation.login()).error).toBe('server_error');
    expect(fetches()).toBe(2);
    moveClock(COOLDOWN + 1);
    for (let round = 0; round < 25; round++) expect((await federation.login()).error).toBe('server_error');

    expect(forged).toBe(50);
    expect(fetches()).toBe(3);
  });

  it('may gain a key: the first token under it is good, and so are those under the old one (OpenID Connect Core section 10.1.1, F-28)', async () => {
    await federation.login();
    publish('rotated', { alone: false });
    federation.idp.misbehave.idToken = underKey('rotated');

    expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');
    delete federation.idp.misbehave.idToken;
    expect(await federation.login()).toHaveProperty('code');
    expect(fetches()).toBe(2);
    record('F-28', 'idp', 'first login under the new key succeeds, with 1 fetch');
  });

  it('may lose a key: ten minutes later at most, tokens under it are worth nothing (OpenID Connect Core section 10.1.1)', async () => {
    moveClock(0);
    await federation.login();
    publish('rotated', { alone: true });
    moveClock(MAX_AGE + 1);
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer.error).toBe('server_error');
    expect(observed.events).toContain(
      'login.failed: id_token_invalid: no applicable key found in the JSON Web Key Set',
    );
  });

  it('stands in for an hour while its endpoint is down; after that, a login is an outage and no refusal (F-30)', async () => {
    moveClock(0);
    await federation.login();
    federation.idp.misbehave.jwks = 'refuse';
    moveClock(50 * 60);
    expect(await federation.login()).toHaveProperty('code');
    moveClock(20 * 60);
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer.error).toBe('temporarily_unavailable');
    expect(observed.events).toContain('login.failed: provider_unreachable: response_invalid');
    federation.idp.behave();
    expect(await federation.login()).toHaveProperty('code');
    record('F-30', 'idp', 'login after 50 min without key set succeeds; after 70 min temporarily_unavailable');
  });

  it.each<[string, object]>([
    ['an HMAC key', { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA' }],
    ['a key for encryption', { use: 'enc' }],
    ['a key for another algorithm', { alg: 'ES384' }],
  ])('may hold %s under the right name, which verifies nothing (RFC 8725 section 3.1)', async (_name, changes) => {
    federation.idp.misbehave.jwks = ({ keys }) => ({ keys: (keys as object[]).map((key) => ({ ...key, ...changes })) });
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer.error).toBe('server_error');
    expect(observed.events[1]).toMatch(/^login\.failed: id_token_invalid: /);
  });

  it.each<[string, object]>([
    ['no list', { keys: 'none' }],
    ['no key set at all', { error: 'maintenance' }],
    ['an entry that is no key', { keys: ['key'] }],
  ])('may be %s, which is no fault of the token (RFC 7517 section 5)', async (_name, body) => {
    federation.idp.misbehave.jwks = () => body as Record<string, unknown>;
    const observed = await federation.gateway.observe(() => federation.login());

    expect(observed.answer.error).toBe('server_error');
    expect(observed.events).toContain('login.failed: provider_answer_invalid: its key set cannot be read');
  });
});
