import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { memoryStorage } from '../../lib/index.ts';
import { createDpopKey, type DpopKey } from '../dpop/support.ts';
import { createBrowser } from '../helpers/browser.ts';
import { createOAuthClient } from '../helpers/oauth-client.ts';
import { type Pair, type ResourceServer, startPair } from './support.ts';

describe.each(['jwt', 'introspection'] as const)(
  'a token of a gateway elsewhere that is bound to a key, %s',
  (verification) => {
    const storage = memoryStorage();
    let pair: Pair;
    let server: ResourceServer;
    let key: DpopKey;
    let token: string;

    beforeAll(async () => {
      pair = await startPair(verification, {
        gateway: { gateway: { dpop: true } },
        resource: { dpop: { storage } },
      });
      ({ server } = pair);
      key = await createDpopKey();
      const client = await createOAuthClient(pair.gateway.url);
      const code = await client.login(createBrowser(), { resource: server.url });
      const proof = await key.proof({ method: 'POST', url: `${pair.gateway.url}/oauth/token` });
      const answer = await client.redeem(code, { resource: server.url }, { dpop: proof });
      expect(answer).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
      token = String(answer.json?.access_token);
    });
    afterAll(() => pair.close());

    const proof = (changes?: Parameters<DpopKey['proof']>[1], by = key) =>
      by.proof({ method: 'POST', url: server.url, token }, changes);
    const call = async (dpop: string) => {
      server.events.length = 0;
      const headers = { authorization: `DPoP ${token}`, dpop };
      return (await server.call(undefined, { method: 'POST', headers })).status;
    };

    it('opens the resource with a proof, which is used once (RFC 9449 section 7.1)', async () => {
      const once = await proof();
      expect(await call(once)).toBe(200);
      expect(await call(once)).toBe(401);
      expect(server.events).toEqual(['resource.refused: DPoP proof: replayed']);
      expect(await call(await proof())).toBe(200);
    });

    it('is refused with a proof of another key, URL or time, and as Bearer', async () => {
      for (const [given, problem] of [
        [await proof({}, await createDpopKey()), 'other_key'],
        [await proof({ claims: { htu: `${pair.gateway.url}/mcp` } }), 'url'],
        [await proof({ claims: { iat: Math.floor(Date.now() / 1000) - 3600 } }), 'time'],
        [await proof({ claims: { ath: 'another token' } }), 'token_hash'],
      ] as const) {
        expect(await call(given)).toBe(401);
        expect(server.events).toEqual([`resource.refused: DPoP proof: ${problem}`]);
      }
      server.events.length = 0;
      expect((await server.call(token)).status).toBe(401);
      expect(server.events).toEqual(['resource.refused: bound_token_as_bearer']);
    });

    it('is challenged with the algorithms of proofs', async () => {
      const { headers } = await server.call();
      expect(headers.get('www-authenticate')).toMatch(/DPoP .*algs="ES256 /);
    });
  },
);
