import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type IdentityProvider, startIdentityProvider } from '../helpers/identity-provider.ts';
import { postForm } from '../helpers/oauth-client.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { callMcp, codeOf, createPerson, outcomeOf, tokensOf } from './person.ts';
import { limitMs, parallel, record, rounds, tally, until } from './rounds.ts';
import type { FaultStore, StartStore } from './stores.ts';

const parallelism = 24;
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** What may happen once happens once, however many processes are asked at the same time. */
export function redemptionRaces(startStore: StartStore): void {
  let store: FaultStore;
  let cluster: Cluster;
  let assertionKey: CryptoKey;

  beforeAll(async () => {
    store = await startStore();
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    assertionKey = privateKey;
    const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'assertion' };
    cluster = await startCluster({
      store: store.address(),
      options: {
        clients: [
          {
            client_id: 'machine',
            redirect_uris: ['http://127.0.0.1:1/callback'],
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: [jwk] },
          },
          { client_id: 'agent', client_secret: 'a secret of the agent', grant_types: [jwtBearer] },
        ],
        idJag: { trustedIssuers: [{ issuer: 'https://idp.example', jwks: { keys: [jwk] } }] },
      },
    });
  });
  afterAll(async () => {
    await cluster?.close();
    await store?.close();
  });
  afterEach(() => {
    expect(cluster.events.filter(({ type }) => type === 'server.error' || type === 'storage.unavailable')).toEqual([]);
  });

  it(
    'gives tokens to one of 24 parallel redemptions of a code and ends them as its reuse does (F-01)',
    async () => {
      const person = await createPerson(cluster.url);
      const sums: string[] = [];
      for (let round = 0; round < rounds(3); round += 1) {
        const code = await person.code();
        const answers = await parallel(parallelism, () => person.client.redeem(code));
        const counts = tally(answers.map(outcomeOf));
        sums.push(JSON.stringify(counts));
        expect(counts).toEqual({ '200': 1, '400 invalid_grant': parallelism - 1 });
        const winner = answers.find(({ status }) => status === 200);
        const { accessToken, refreshToken } = tokensOf(winner as NonNullable<typeof winner>);
        // RFC 6749 section 4.1.2: the losers ended what the winner got.
        expect((await callMcp(cluster.url, accessToken)).status).toBe(401);
        expect(outcomeOf(await person.client.refresh(refreshToken))).toBe('400 invalid_grant');
      }
      expect(cluster.front.served.size).toBe(3);
      record('F-01', store.name, `${sums.length} rounds of ${parallelism}: ${[...new Set(sums)].join(', ')} each`);
    },
    limitMs,
  );

  it(
    'accepts one of 24 parallel uses of a client assertion (F-06)',
    async () => {
      for (let round = 0; round < rounds(3); round += 1) {
        const assertion = await new SignJWT({ jti: `assertion ${round} ${Math.random()}` })
          .setProtectedHeader({ alg: 'ES256', kid: 'assertion' })
          .setIssuer('machine')
          .setSubject('machine')
          .setAudience(cluster.url)
          .setIssuedAt()
          .setExpirationTime('1m')
          .sign(assertionKey);
        const answers = await parallel(parallelism, () =>
          postForm(`${cluster.url}/oauth/token`, {
            client_id: 'machine',
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: assertion,
            grant_type: 'refresh_token',
            refresh_token: 'unknown', // Whoever is authenticated gets as far as this.
          }),
        );
        const counts = tally(answers.map(outcomeOf));
        expect(counts).toEqual({ '400 invalid_grant': 1, '401 invalid_client': parallelism - 1 });
      }
      record('F-06', store.name, `${rounds(3)} rounds of ${parallelism}: 1 authenticated each`);
    },
    limitMs,
  );

  it(
    'gives one token for 24 parallel uses of an ID-JAG, and none after a restart of every process (F-05, F-13)',
    async () => {
      const present = (assertion: string) =>
        postForm(`${cluster.url}/oauth/token`, {
          client_id: 'agent',
          client_secret: 'a secret of the agent',
          grant_type: jwtBearer,
          assertion,
        });
      let used = '';
      for (let round = 0; round < rounds(3); round += 1) {
        used = await new SignJWT({ jti: `id-jag ${round} ${Math.random()}`, client_id: 'agent', scope: 'mcp:tools' })
          .setProtectedHeader({ alg: 'ES256', kid: 'assertion', typ: 'oauth-id-jag+jwt' })
          .setIssuer('https://idp.example')
          .setSubject('alice')
          .setAudience(cluster.url)
          .setIssuedAt()
          .setExpirationTime('4m')
          .sign(assertionKey);
        const answers = await parallel(parallelism, () => present(used));
        expect(tally(answers.map(outcomeOf))).toEqual({ '200': 1, '400 invalid_grant': parallelism - 1 });
        const winner = answers.find(({ status }) => status === 200);
        const answer = await callMcp(cluster.url, String(winner?.json?.access_token));
        expect(answer.json).toMatchObject({ user: { sub: 'alice', iss: 'https://idp.example' } });
      }
      expect(cluster.front.served.size).toBe(3);
      const toldReplays = (count: number) => async () =>
        cluster.events.filter(({ reason }) => reason === 'invalid_grant: id_jag: replayed').length === count;
      await until(toldReplays(rounds(3) * (parallelism - 1)), 5000); // Events come by another way than answers.
      await cluster.restartAll();
      expect(outcomeOf(await present(used))).toBe('400 invalid_grant');
      await until(toldReplays(rounds(3) * (parallelism - 1) + 1), 5000);
      record('F-05', store.name, `${rounds(3)} rounds of ${parallelism}: 1 token each; used after a restart as well`);
    },
    limitMs,
  );

  it(
    'makes one login of ten parallel callbacks (F-07)',
    async () => {
      const most = { codes: 0, redeemed: 0 };
      for (let round = 0; round < rounds(3); round += 1) {
        const { browser, client } = await createPerson(cluster.url);
        const approval = await browser.get(client.authorizeUrl());
        const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' });
        const pages = await parallel(10, () => browser.submit(signIn, 'name', { name: 'alice' }));
        const codes = pages.map(codeOf).filter((code) => code !== undefined);
        expect(codes).toHaveLength(1);
        expect(pages.filter(({ status }) => status >= 500)).toEqual([]);
        const answers = await Promise.all(codes.map((code) => client.redeem(code)));
        expect(answers.map(outcomeOf)).toEqual(['200']);
        most.codes = Math.max(most.codes, codes.length);
        most.redeemed += answers.length;
      }
      record('F-07', store.name, `${rounds(3)} rounds of 10: ${most.codes} code each, ${most.redeemed} redeemed`);
    },
    limitMs,
  );

  it(
    'makes one code of ten parallel approvals (F-08)',
    async () => {
      let codes = 0;
      for (let round = 0; round < rounds(3); round += 1) {
        const { browser, client, tokens } = await createPerson(cluster.url);
        await tokens();
        const approval = await browser.get(client.authorizeUrl());
        expect(approval.text).toContain('Signed in as alice');
        const pages = await parallel(10, () => browser.submit(approval, 'csrf', { decision: 'approve' }));
        const found = pages.map(codeOf).filter((code) => code !== undefined);
        expect(pages.filter(({ status }) => status >= 500)).toEqual([]);
        expect(found).toHaveLength(1);
        expect(outcomeOf(await client.redeem(found[0] as string))).toBe('200');
        codes += found.length;
      }
      record('F-08', store.name, `${rounds(3)} rounds of 10: ${codes} codes in all, each redeemed`);
    },
    limitMs,
  );

  describe('without sticky routing', () => {
    it(
      'serves a login, its callback, the token request and the resource from whichever process (F-09)',
      async () => {
        const flows = rounds(20);
        let succeeded = 0;
        for (let flow = 0; flow < flows; flow += 1) {
          const [a, b, c] = [flow % 3, (flow + 1) % 3, (flow + 2) % 3];
          cluster.front.steer(a);
          const { browser, client } = await createPerson(cluster.url);
          const approval = await browser.get(client.authorizeUrl());
          const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' });
          cluster.front.steer(b);
          const code = codeOf(await browser.submit(signIn, 'name', { name: `person-${flow}` }));
          cluster.front.steer(c);
          const { accessToken } = tokensOf(await client.redeem(String(code)));
          cluster.front.steer(a);
          const answer = await callMcp(cluster.url, accessToken);
          expect(answer.json).toMatchObject({ process: a, user: { sub: `person-${flow}` } });
          succeeded += 1;
        }
        cluster.front.steer(undefined);
        record('F-09', store.name, `${succeeded} of ${flows} flows`);
      },
      limitMs,
    );
  });

  describe('with an identity provider', () => {
    let idp: IdentityProvider;

    beforeAll(async () => {
      idp = await startIdentityProvider();
      idp.redirectUris.push(`${cluster.url}/oauth/callback`);
      const { issuer, clientId, clientSecret } = idp;
      await cluster.restartAll({ oidc: { issuer }, browserLogin: { clientId, clientSecret } });
    });
    afterAll(() => idp?.close());

    it(
      'makes one login of ten parallel callbacks of the identity provider (F-07)',
      async () => {
        let redeemed = 0;
        for (let round = 0; round < rounds(2); round += 1) {
          const { browser, client } = await createPerson(cluster.url);
          const stopAt = (url: string) => url.startsWith(`${cluster.url}/oauth/callback`);
          const visiting = { stopAt: () => false };
          const approval = await browser.get(client.authorizeUrl(), visiting);
          const signIn = await browser.submit(approval, 'csrf', { decision: 'approve' }, visiting);
          const callback = await browser.submit(signIn, 'login', { login: 'alice' }, { stopAt });
          const stopAtClient = { stopAt: (url: string) => url.startsWith(client.redirectUri) };
          const pages = await parallel(10, () => browser.follow(callback, undefined, stopAtClient));
          const codes = pages.map(codeOf).filter((code) => code !== undefined);
          expect(pages.filter(({ status }) => status >= 500)).toEqual([]);
          expect(codes).toHaveLength(1);
          expect(outcomeOf(await client.redeem(codes[0] as string))).toBe('200');
          redeemed += 1;
        }
        record('F-07', store.name, `${rounds(2)} rounds of 10 at an identity provider: ${redeemed} codes in all`);
      },
      limitMs,
    );
  });
}
