import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { startMcpServer } from '../helpers/mcp-servers.ts';
import { createOAuthClient, type OAuthClient, send } from '../helpers/oauth-client.ts';
import { type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { createDpopKey, type DpopKey } from './support.ts';

type Format = 'opaque' | 'jwt';

/** Logs in with a key. @returns the bound tokens */
async function boundTokens(
  gateway: ObservedGateway,
  client: OAuthClient,
  key: DpopKey,
): Promise<{ access: string; refresh: string }> {
  const code = await client.login(createBrowser());
  const url = `${gateway.url}/oauth/token`;
  let answer = await client.redeem(code, {}, { dpop: await key.proof({ method: 'POST', url }) });
  const nonce = answer.headers.get('dpop-nonce');
  if (answer.json?.error === 'use_dpop_nonce' && nonce !== null) {
    answer = await client.redeem(code, {}, { dpop: await key.proof({ method: 'POST', url, nonce }) });
  }
  expect(answer).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
  return { access: String(answer.json?.access_token), refresh: String(answer.json?.refresh_token) };
}

describe.each<Format>(['opaque', 'jwt'])('tokens bound to a key, %s', (format) => {
  let gateway: ObservedGateway;
  let client: OAuthClient;
  let key: DpopKey;
  let tokens: { access: string; refresh: string };

  beforeAll(async () => {
    gateway = await startObservedGateway({ options: () => ({ gateway: { dpop: true, accessTokenFormat: format } }) });
    client = await createOAuthClient(gateway.url);
    key = await createDpopKey();
    tokens = await boundTokens(gateway, client, key);
  });
  afterAll(() => gateway.close());

  const url = () => `${gateway.url}/mcp`;
  const call = (headers: Record<string, string> | [string, string][], target = url()) =>
    send(target, { method: 'POST', headers, body: '{}' });
  const proofFor = (changes?: Parameters<DpopKey['proof']>[1]) =>
    key.proof({ method: 'POST', url: url(), token: tokens.access }, changes);

  it('open the resource with a proof, any query aside (RFC 9449 section 7.1)', async () => {
    const answer = await call({ authorization: `DPoP ${tokens.access}`, dpop: await proofFor() }, `${url()}?page=2`);
    expect(answer.status).toBe(200);
  });

  it('are never accepted as Bearer (RFC 9449 section 7.2)', async () => {
    const { answer, events } = await gateway.observe(async () => call({ authorization: `Bearer ${tokens.access}` }));
    expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_token' } });
    expect(events).toEqual(['resource.refused: bound_token_as_bearer']);
  });

  it('are refused by verify(), which sees no proof', async () => {
    await expect(gateway.auth.verify(tokens.access, '/mcp')).rejects.toMatchObject({ code: 'invalid_token' });
  });

  it('refuse a proof used before, and say only that the proof is wrong', async () => {
    const headers = { authorization: `DPoP ${tokens.access}`, dpop: await proofFor() };
    await call(headers);
    const { answer, events } = await gateway.observe(() => call(headers));
    expect(answer).toMatchObject({ status: 401, json: { error: 'invalid_dpop_proof' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^DPoP error="invalid_dpop_proof"/);
    expect(events).toEqual(['resource.refused: DPoP proof: replayed']);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const wrongProofs: [string, () => Parameters<DpopKey['proof']>[1]][] = [
    ['method', () => ({ claims: { htm: 'GET' } })],
    ['url', () => ({ claims: { htu: 'https://elsewhere.example/mcp' } })],
    ['url', () => ({ claims: { htu: `${gateway.url}/other` } })],
    ['url', () => ({ claims: { htu: undefined } })],
    ['time', () => ({ claims: { iat: now() - 301 } })],
    ['time', () => ({ claims: { iat: now() + 301 } })],
    ['time', () => ({ claims: { iat: undefined } })],
    ['token_hash', () => ({ claims: { ath: 'x' } })],
    ['token_hash', () => ({ claims: { ath: undefined } })],
    ['malformed', () => ({ claims: { jti: undefined } })],
    ['malformed', () => ({ claims: { jti: 'x'.repeat(513) } })],
    ['malformed', () => ({ header: { jwk: undefined } })],
    ['signature', () => ({ header: { typ: 'JWT' } })],
  ];
  it.each(wrongProofs)('refuse a proof with a wrong %s (RFC 9449 section 4.3), case %#', async (problem, changes) => {
    const dpop = await proofFor(changes());
    const { answer, events } = await gateway.observe(() => call({ authorization: `DPoP ${tokens.access}`, dpop }));
    expect(answer.status).toBe(401);
    expect(events).toEqual([`resource.refused: DPoP proof: ${problem}`]);
  });

  it('refuse a good proof by another key', async () => {
    const thief = await createDpopKey();
    const dpop = await thief.proof({ method: 'POST', url: url(), token: tokens.access });
    const { answer, events } = await gateway.observe(() => call({ authorization: `DPoP ${tokens.access}`, dpop }));
    expect(answer.status).toBe(401);
    expect(events).toEqual(['resource.refused: DPoP proof: other_key']);
  });

  it('refuse a foreign key beside a signature of ours', async () => {
    const thief = await createDpopKey();
    const dpop = await proofFor({ header: { jwk: thief.jwk } });
    expect((await call({ authorization: `DPoP ${tokens.access}`, dpop })).status).toBe(401);
  });

  it('refuse two proofs, and none', async () => {
    const two: [string, string][] = [
      ['authorization', `DPoP ${tokens.access}`],
      ['dpop', await proofFor()],
      ['dpop', await proofFor()],
    ];
    const { events } = await gateway.observe(async () => [
      await call(two),
      await call({ authorization: `DPoP ${tokens.access}` }),
    ]);
    expect(events).toEqual([
      'resource.refused: DPoP proof: several_proofs',
      'resource.refused: DPoP proof: proof_missing',
    ]);
  });

  it('stay bound over a refresh, which needs the same key (RFC 9449 section 5)', async () => {
    const token = `${gateway.url}/oauth/token`;
    const thief = await createDpopKey();
    const stolen = await client.refresh(
      tokens.refresh,
      {},
      { dpop: await thief.proof({ method: 'POST', url: token }) },
    );
    const bare = await client.refresh(tokens.refresh);
    expect([stolen.status, bare.status]).toEqual([400, 400]);
    const answer = await client.refresh(tokens.refresh, {}, { dpop: await key.proof({ method: 'POST', url: token }) });
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'DPoP' } });
  });
});

describe('with nonces required (RFC 9449 sections 8 and 9)', () => {
  let gateway: ObservedGateway;
  beforeAll(async () => {
    gateway = await startObservedGateway({ options: () => ({ gateway: { dpop: true, dpopRequireNonce: true } }) });
  });
  afterAll(() => gateway.close());

  it('the resource asks for a nonce, and takes the proof that has it', async () => {
    const client = await createOAuthClient(gateway.url);
    const key = await createDpopKey();
    const { access } = await boundTokens(gateway, client, key);
    const url = `${gateway.url}/mcp`;
    const call = async (nonce?: string) =>
      send(url, {
        method: 'POST',
        headers: {
          authorization: `DPoP ${access}`,
          dpop: await key.proof({ method: 'POST', url, token: access, nonce }),
        },
        body: '{}',
      });
    const asked = await call();
    expect(asked.headers.get('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce"/);
    const nonce = asked.headers.get('dpop-nonce') ?? '';
    expect(nonce).not.toBe('');
    expect((await call(nonce)).status).toBe(200);
    expect((await call(`${nonce}x`)).status).toBe(401);
  });
});

describe('with DPoP off', () => {
  let gateway: ObservedGateway;
  beforeAll(async () => {
    gateway = await startObservedGateway();
  });
  afterAll(() => gateway.close());

  it('nothing of it is advertised, and a proof binds nothing', async () => {
    const client = await createOAuthClient(gateway.url);
    const key = await createDpopKey();
    const code = await client.login(createBrowser());
    const url = `${gateway.url}/oauth/token`;
    const answer = await client.redeem(code, {}, { dpop: await key.proof({ method: 'POST', url }) });
    expect(answer).toMatchObject({ status: 200, json: { token_type: 'Bearer' } });
    const metadata = await send(`${gateway.url}/.well-known/oauth-authorization-server`);
    expect(metadata.json).not.toHaveProperty('dpop_signing_alg_values_supported');
    const challenge = await send(`${gateway.url}/mcp`, { method: 'POST' });
    expect(challenge.headers.get('www-authenticate')).not.toContain('DPoP');
    const token = String(answer.json?.access_token);
    const asDpop = await send(`${gateway.url}/mcp`, { method: 'POST', headers: { authorization: `DPoP ${token}` } });
    expect(asDpop.status).toBe(401);
  });
});

describe('the proxy', () => {
  it('keeps proof and token to itself', async () => {
    const upstream = await startMcpServer((_req, res) => res.end('{}'));
    const gateway = await startObservedGateway({
      options: () => ({ gateway: { dpop: true } }),
      routes: (app, auth) => void app.use(auth.proxy('/mcp', { target: upstream.url })),
    });
    const client = await createOAuthClient(gateway.url);
    const key = await createDpopKey();
    const { access } = await boundTokens(gateway, client, key);
    const url = `${gateway.url}/mcp`;
    const dpop = await key.proof({ method: 'POST', url, token: access });
    const answer = await send(url, { method: 'POST', headers: { authorization: `DPoP ${access}`, dpop }, body: '{}' });
    expect(answer.status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]?.headers).not.toHaveProperty('dpop');
    expect(upstream.requests[0]?.headers).not.toHaveProperty('authorization');
    await gateway.close();
    await upstream.close();
  });
});
