import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { moveClock } from '../federation/clock.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import type { Answer, Parameters } from '../helpers/oauth-client.ts';
import { createDocumentClient, type DocumentClient, soundDocument } from './document-client.ts';
import { type DocumentHost, startDocumentHost } from './document-host.ts';

interface SigningKey {
  readonly kid: string;
  readonly publicKey: JWK;
  readonly privateKey: CryptoKey;
}

let host: DocumentHost;
let gateway: Gateway;
let client: DocumentClient;
let clientId: string;
let keysUrl: string;
const keys: SigningKey[] = [];
let count = 0;

beforeAll(async () => {
  host = await startDocumentHost(['client.example', 'keys.example']);
  for (const kid of ['first', 'second']) {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    keys.push({ kid, privateKey, publicKey: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' } });
  }
});
afterAll(() => host.close());
beforeEach(async () => {
  gateway = await startGateway({
    options: () => ({ outbound: host.outbound }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({ ok: true })),
  });
  count += 1;
  clientId = host.at(`https://client.example/client-${count}.json`);
  keysUrl = host.at(`https://keys.example/keys-${count}.json`);
  client = createDocumentClient(gateway.url, clientId);
  publish();
  publishKeys(first());
  host.requests.length = 0;
});
afterEach(async () => {
  jest.useRealTimers();
  await gateway.close();
});

const first = () => keys[0] as SigningKey;
const second = () => keys[1] as SigningKey;

function publish(changes: Record<string, unknown> = {}): void {
  const method = { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256' };
  host.serve(clientId, soundDocument(clientId, { ...method, jwks_uri: keysUrl, ...changes }));
}

const publishKeys = (...published: SigningKey[]) =>
  host.serve(keysUrl, { keys: published.map(({ publicKey }) => publicKey) });

const endKeyHost = () => host.serve(keysUrl, (_request, response) => void response.writeHead(500).end());

const keyFetches = () => host.requests.filter((target) => target.startsWith('keys.example/'));

/** An assertion of RFC 7523 section 3, as form parameters. */
async function assertion(key: SigningKey, claims: Record<string, unknown> = {}, kid = key.kid): Promise<Parameters> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: clientId,
    sub: clientId,
    aud: `${gateway.url}/oauth/token`,
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  };
  const jwt = new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid });
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await jwt.sign(key.privateKey),
  };
}

/** A code redeemed with a good assertion. */
async function tokens(key = first()): Promise<Answer> {
  const answer = await client.redeem(await client.login(), await assertion(key));
  expect(answer.status).toBe(200);
  return answer;
}

const outcome = ({ status, json }: Answer) => [status, json?.error];

describe('the key set of a client', () => {
  it('is fetched once for a code and its refreshes (CIMD draft, Client Authentication)', async () => {
    let answer = await tokens();
    for (let refreshes = 0; refreshes < 3; refreshes += 1) {
      answer = await client.refresh(answer.json?.refresh_token, await assertion(first()));
      expect(answer.status).toBe(200);
    }

    expect(keyFetches()).toHaveLength(1);
  });

  it('is fetched again, once, for a key that it did not hold: rotation needs no restart (RFC 7517 section 4.5)', async () => {
    moveClock(0);
    const { json } = await tokens();
    publishKeys(second(), first());
    moveClock(31);

    const refreshed = await client.refresh(json?.refresh_token, await assertion(second()));

    expect(refreshed.status).toBe(200);
    expect((await client.refresh(refreshed.json?.refresh_token, await assertion(first()))).status).toBe(200);
    expect(keyFetches()).toHaveLength(2);
  });

  it('takes a key that was withdrawn for no key any more (NIST SP 800-57 section 5.3)', async () => {
    moveClock(0);
    const { json } = await tokens();
    publishKeys(second());
    moveClock(31);
    await client.refresh('unknown', await assertion(second()));

    expect(outcome(await client.refresh(json?.refresh_token, await assertion(first())))).toEqual([
      401,
      'invalid_client',
    ]);
  });

  it('is fetched twice at most for 50 forged key ids, and then accepts the good key (CWE-400)', async () => {
    const code = await client.login();
    const forged = await Promise.all(
      Array.from({ length: 50 }, (_, index) => assertion(second(), {}, `forged-${index}`)),
    );
    const answers: Answer[] = [];
    for (const parameters of forged) answers.push(await client.redeem('made-up', parameters));

    expect(new Set(answers.map((answer) => outcome(answer).join()))).toEqual(new Set(['401,invalid_client']));
    expect(keyFetches().length).toBeLessThanOrEqual(2);
    expect((await client.redeem(code, await assertion(first()))).status).toBe(200);
  });
});

describe('while the host of the keys fails', () => {
  it('a client with a known key goes on, fresh or not (RFC 5861 section 4)', async () => {
    const { json } = await tokens();
    endKeyHost();
    const fresh = await client.refresh(json?.refresh_token, await assertion(first()));
    moveClock(600);
    const stale = await client.refresh(fresh.json?.refresh_token, await assertion(first()));

    expect([fresh.status, stale.status]).toEqual([200, 200]);
  });

  it('a client whose keys were never seen is told to try again, never invalid_client, and then can (field problem 2)', async () => {
    const code = await client.login();
    endKeyHost();

    const during = await client.redeem(code, await assertion(first()));

    expect(outcome(during)).toEqual([503, 'temporarily_unavailable']);
    expect(during.headers.get('retry-after')).toBe('5');
    publishKeys(first());
    expect((await client.redeem(code, await assertion(first()))).status).toBe(200);
  });

  it('a new key that cannot be looked for is told to try again', async () => {
    moveClock(0);
    const { json } = await tokens();
    endKeyHost();
    moveClock(31);

    const answer = await client.refresh(json?.refresh_token, await assertion(second()));

    expect(outcome(answer)).toEqual([503, 'temporarily_unavailable']);
  });

  it('a client whose keys are at a refused address is told so in no other way (CWE-918)', async () => {
    const code = await client.login();
    host.addresses.set('keys.example', ['10.0.0.1']);
    const answer = await client.redeem(code, await assertion(first()));
    host.addresses.set('keys.example', ['127.0.0.1']);

    expect(outcome(answer)).toEqual([503, 'temporarily_unavailable']);
    expect(answer.text).not.toMatch(/10\.0\.0|refused|keys\.example/);
    expect(gateway.events.map(({ reason }) => reason)).toContain('key set: address_refused');
  });

  it.each([
    ['no JSON', 'body is not JSON', () => host.serve(keysUrl, (_request, response) => void response.end('<html>'))],
    ['no keys', 'keys is not an array', () => host.serve(keysUrl, { nothing: [] })],
    ['more than 64 KB', 'too_large', () => host.serve(keysUrl, { keys: [], x: 'x'.repeat(65_536) })],
    [
      'a redirect',
      'status 302',
      () => host.serve(keysUrl, (_request, response) => void response.writeHead(302, { location: keysUrl }).end()),
    ],
  ])('%s is a failure, too, and is not kept', async (_what, cause, fail) => {
    const code = await client.login();
    fail();

    const during = await client.redeem(code, await assertion(first()));

    expect(outcome(during)).toEqual([503, 'temporarily_unavailable']);
    expect(gateway.events.map(({ reason }) => reason)).toContain(`key set: ${cause}`);
    publishKeys(first());
    expect((await client.redeem(code, await assertion(first()))).status).toBe(200);
  });
});

describe('an assertion', () => {
  it('is refused the second time, for another request as well (RFC 7523 section 3)', async () => {
    const [one, other] = [await client.login(), await client.login()];
    const used = await assertion(first());
    expect((await client.redeem(one, used)).status).toBe(200);

    expect(outcome(await client.redeem(other, used))).toEqual([401, 'invalid_client']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['for another server', { aud: 'https://other.example/oauth/token' }],
    ['issued by another client', { iss: 'https://client.example/other.json' }],
    ['that has expired', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['without an end', { exp: undefined }],
    ['without an id', { jti: undefined }],
  ])('%s is refused (RFC 7523 section 3)', async (_what, claims) => {
    const code = await client.login();

    expect(outcome(await client.redeem(code, await assertion(first(), claims)))).toEqual([401, 'invalid_client']);
  });

  it.each([
    ['the issuer', () => gateway.url],
    ['the token endpoint in a list', () => [`${gateway.url}/oauth/token`]],
  ])('may name %s as its audience (RFC 7523 section 3, field problem 8)', async (_what, audience) => {
    const code = await client.login();

    expect((await client.redeem(code, await assertion(first(), { aud: audience() }))).status).toBe(200);
  });

  it('of another client than the request names is refused (RFC 7521 section 4.2)', async () => {
    const code = await client.login();
    const foreign = { iss: 'https://client.example/other.json', sub: 'https://client.example/other.json' };

    expect(outcome(await client.redeem(code, await assertion(first(), foreign)))).toEqual([400, 'invalid_request']);
  });

  it('is needed by a document that offers nothing else', async () => {
    expect(outcome(await client.redeem(await client.login()))).toEqual([401, 'invalid_client']);
  });
});

describe('a document that offers none and private_key_jwt, as ChatGPT’s does', () => {
  beforeEach(() => publish({ token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'] }));

  it('redeems a code with an assertion, and then refreshes with assertions alone (field problem 8)', async () => {
    const { json } = await tokens();

    expect(outcome(await client.refresh(json?.refresh_token))).toEqual([401, 'invalid_client']);
    expect((await client.refresh(json?.refresh_token, await assertion(first()))).status).toBe(200);
  });

  it('redeems a code without one, and then refreshes without one alone (field problem 8)', async () => {
    const { status, json } = await client.redeem(await client.login());
    expect(status).toBe(200);

    expect(outcome(await client.refresh(json?.refresh_token, await assertion(first())))).toEqual([
      401,
      'invalid_client',
    ]);
    expect((await client.refresh(json?.refresh_token)).status).toBe(200);
    expect(keyFetches()).toHaveLength(1); // For the assertion only.
  });

  it('does not fall back to none after an assertion that is no good (RFC 9700 section 2.5)', async () => {
    const forged = await assertion(second(), {}, first().kid);

    expect(outcome(await client.redeem(await client.login(), forged))).toEqual([401, 'invalid_client']);
  });
});
