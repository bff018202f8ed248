import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import { record } from '../faults/rounds.ts';
import { callbackOf, postForm, send } from '../helpers/oauth-client.ts';
import { moveClock } from './clock.ts';
import { type Federation, failure, requestsTo, startFederation } from './support.ts';

const OUTAGE = ['temporarily_unavailable', 'the identity provider does not answer; try again'] as const;

let federation: Federation;
afterEach(async () => {
  jest.useRealTimers();
  await federation.close();
});

describe('what others can make this server do at the identity provider', () => {
  it('is at most two fetches of its key set for 1,000 tokens under forged key ids (GHSA-675f-rq2r-jw82, F-29)', async () => {
    federation = await startFederation();
    const { gateway, idp } = federation;
    const { privateKey } = await generateKeyPair('ES256');
    const forge = (kid: string) =>
      new SignJWT({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sid: 'any', jti: kid })
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'logout+jwt' })
        .setIssuer(idp.issuer)
        .setAudience(idp.clientId)
        .setIssuedAt()
        .setExpirationTime('2m')
        .sign(privateKey);
    moveClock(0); // All of it happens within ten seconds of the server's time, however slow the machine is.
    const statuses = new Set<number>();
    for (let sent = 0; sent < 1_000; sent += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, async (_, index) =>
          postForm(`${gateway.url}/oauth/backchannel-logout`, { logout_token: await forge(`forged-${sent + index}`) }),
        ),
      );
      for (const { status } of answers) statuses.add(status);
      jest.setSystemTime(Date.now() + 500);
    }

    expect([...statuses]).toEqual([400]);
    expect(requestsTo(federation, '/jwks')).toHaveLength(2);
    record('F-29', 'idp', '1,000 forged key ids: 2 fetches');
    expect(await federation.login()).toHaveProperty('code');
  });

  it('is nothing to a token or resource request while 100 logins wait for it (F-26)', async () => {
    federation = await startFederation({ options: () => ({ browserLogin: { remoteTimeoutMs: 60_000 } }) });
    const { client, gateway, idp } = federation;
    const tokens = await client.redeem(String((await federation.login()).code));
    const browsers = Array.from({ length: 100 }, () => federation.browser());
    const callbacks: string[] = [];
    for (let index = 0; index < 100; index += 10) {
      const some = browsers.slice(index, index + 10);
      callbacks.push(...(await Promise.all(some.map((browser) => federation.signInOnly(browser)))));
    }
    let waiting = 0;
    const allWait = new Promise<void>((resolve) => {
      idp.misbehave.idToken = () => {
        waiting += 1;
        if (waiting === 100) resolve();
        return new Promise(() => {});
      };
    });
    let ended = 0;
    const logins = browsers.map(async (browser, index) => {
      const page = await browser.get(String(callbacks[index]), { timeoutMs: 120_000 });
      ended += 1;
      return callbackOf(page);
    });
    await allWait;

    const headers = { authorization: `Bearer ${String(tokens.json?.access_token)}` };
    const took: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const start = performance.now();
      expect((await send(`${gateway.url}/mcp`, { headers })).status).toBe(200);
      expect((await client.refresh(String(tokens.json?.refresh_token))).status).toBe(200);
      took.push(performance.now() - start);
    }
    expect(ended).toBe(0);
    const longest = Math.max(...took).toFixed(0);
    record('F-26', 'idp', `100 logins wait: 40 of 40 requests served, a call and a refresh in ${longest} ms at most`);

    await idp.close();
    for (const outcome of await Promise.all(logins)) expect(outcome).toEqual(failure(federation, ...OUTAGE));
  });
});
