import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createDpopKey, type DpopKey } from '../dpop/support.ts';
import { createBrowser, type Page } from '../helpers/browser.ts';
import { createOAuthClient, type OAuthClient, postForm, send } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { codeOf, outcomeOf } from './person.ts';
import { limitMs, parallel, record, rounds, tally } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

/** What may be used once is used once, whichever processes see it at the same moment. */
export function singleUseRaces(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let client: OAuthClient;

  beforeAll(async () => {
    store = await startStore();
    cluster = await startCluster({ store: store.address(), options: { gateway: { dpop: true } } });
    client = await createOAuthClient(cluster.url);
  }, 60_000);
  afterAll(async () => {
    await cluster?.close();
    await store?.close();
  });

  const newBrowser = () => createBrowser({ stopAt: (url) => !url.startsWith(cluster.url), now: () => Date.now() });

  /** Browsers of several people who all begin with the same pushed request, up to the last step. */
  async function startTogether(count: number) {
    const parameters = Object.fromEntries(new URL(client.authorizeUrl()).searchParams);
    const pushed = await postForm(`${cluster.url}/oauth/par`, parameters);
    expect(pushed.status).toBe(201);
    const reference = { client_id: client.clientId, request_uri: String(pushed.json?.request_uri) };
    const url = `${cluster.url}/oauth/authorize?${new URLSearchParams(reference)}`;
    return parallel(count, async (index) => {
      const browser = newBrowser();
      const signIn = await browser.submit(await browser.get(url), 'csrf', { decision: 'approve' });
      return (): Promise<Page> => browser.submit(signIn, 'name', { name: `person-${index}` });
    });
  }

  it(
    'gives one code for a pushed authorization request that ten people go on with (RFC 9126 section 4)',
    async () => {
      let codes = 0;
      for (let round = 0; round < rounds(2, 0.2); round += 1) {
        const finishing = await startTogether(10);
        const pages = await Promise.all(finishing.map((finish) => finish()));
        const given = pages.map(codeOf).filter((code) => code !== undefined);
        expect(given.length).toBe(1);
        codes += given.length;
      }
      record('pushed request x 10', store.name, `${rounds(2, 0.2)} rounds: ${codes} codes`);
    },
    limitMs,
  );

  it(
    'gives one code for it also after it has expired, where people began before (RFC 9126 section 4)',
    async () => {
      const finishing = await startTogether(3);
      await cluster.moveClock(120); // A pushed request lives for a minute.
      const codes: (string | undefined)[] = [];
      for (const finish of finishing) codes.push(codeOf(await finish()));
      expect(codes.filter((code) => code !== undefined)).toHaveLength(1);
      await cluster.moveClock(0);
    },
    limitMs,
  );

  async function boundToken(key: DpopKey): Promise<string> {
    const url = `${cluster.url}/oauth/token`;
    const code = await client.login(newBrowser());
    let answer = await client.redeem(code, {}, { dpop: await key.proof({ method: 'POST', url }) });
    const nonce = answer.headers.get('dpop-nonce');
    if (answer.json?.error === 'use_dpop_nonce' && nonce !== null)
      answer = await client.redeem(code, {}, { dpop: await key.proof({ method: 'POST', url, nonce }) });
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
    return String(answer.json?.access_token);
  }

  it(
    'accepts one of 24 parallel uses of a DPoP proof (RFC 9449 section 11.1)',
    async () => {
      const key = await createDpopKey();
      const token = await boundToken(key);
      for (let round = 0; round < rounds(3); round += 1) {
        const url = `${cluster.url}/mcp`;
        const dpop = await key.proof({ method: 'POST', url, token });
        const headers = { authorization: `DPoP ${token}`, dpop, 'content-length': '0' };
        const answers = await parallel(24, () => send(url, { method: 'POST', headers }));
        expect(tally(answers.map(outcomeOf))).toEqual({ '200': 1, '401 invalid_dpop_proof': 23 });
      }
      record('DPoP proof x 24', store.name, `${rounds(3)} rounds: 1 accepted each`);
    },
    limitMs,
  );
}
