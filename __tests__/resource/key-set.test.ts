import { isIPv6 } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { LookupFunction } from '../../lib/resource.ts';
import { createSigningKey, type PlayedIssuer, playIssuer, type SigningKey, signToken } from './issuer.ts';
import { mountResource, openSite, type ResourceServer } from './support.ts';

let issuer: PlayedIssuer;
let server: ResourceServer;
beforeEach(async () => {
  issuer = await playIssuer();
  server = mountResource(await openSite(), { issuer: issuer.url, tokenCacheSeconds: 0 });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await server.close();
  await issuer.close();
});

const start = Date.now();
/** Moves every clock of this process. */
const at = (seconds: number) => void jest.spyOn(Date, 'now').mockImplementation(() => start + seconds * 1000);

/** A token that lives through a whole test. */
const sign = (key?: SigningKey) =>
  signToken(issuer, server.url, {
    claims: { exp: Math.floor(start / 1000) + 100_000 },
    ...(key && { key }),
  });
const status = async (token: string) => (await server.call(token)).status;
const rotateTo = async (kid: string) => {
  issuer.keys = [await createSigningKey(kid)];
  return issuer.keys[0] as SigningKey;
};

describe('the key set', () => {
  it('is fetched with the first token and not before, by the issuer’s metadata (RFC 8414 section 3)', async () => {
    expect(await status('opaque')).toBe(401);
    expect(issuer.requests).toEqual([]);

    expect(await status(await sign())).toBe(200);
    expect(await status(await sign())).toBe(200);
    expect(issuer.requests).toEqual(['/.well-known/oauth-authorization-server', '/jwks']);
  });

  it('is fetched once for requests that arrive together', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, () => sign()));

    expect(await Promise.all(tokens.map(status))).toEqual(Array(20).fill(200));
    expect(issuer.count('/jwks')).toBe(1);
  });

  it('is fetched again after ten minutes, so that a key that was withdrawn is not trusted any more', async () => {
    at(0);
    const token = await sign();
    expect(await status(token)).toBe(200);
    const next = await rotateTo('second');

    at(599);
    expect(await status(token)).toBe(200);
    at(601);
    expect(await status(token)).toBe(401);
    expect(await status(await sign(next))).toBe(200);
    expect(issuer.count('/jwks')).toBeLessThanOrEqual(3);
  });

  it('may be named by jwksUrl: the metadata is then not asked for', async () => {
    const named = mountResource(await openSite(), { issuer: issuer.url, jwksUrl: `${issuer.url}/jwks` });
    try {
      expect((await named.call(await signToken(issuer, named.url))).status).toBe(200);
      expect(issuer.requests).toEqual(['/jwks']);
    } finally {
      await named.close();
    }
  });

  it.each([
    ['/tenant', '/.well-known/oauth-authorization-server/tenant'],
    ['/a/b', '/.well-known/oauth-authorization-server/a/b'],
  ])('of an issuer with the path %s is found at %s (RFC 8414 section 3.1)', async (path, metadata) => {
    const tenant = await playIssuer(path);
    const trusting = mountResource(await openSite(), { issuer: tenant.url });
    try {
      expect((await trusting.call(await signToken(tenant, trusting.url))).status).toBe(200);
      expect(tenant.requests).toEqual([metadata, '/jwks']);
    } finally {
      await trusting.close();
      await tenant.close();
    }
  });
});

describe('a token that names an unknown key', () => {
  it('is accepted at once where the issuer has just begun to sign with it', async () => {
    expect(await status(await sign())).toBe(200);
    const next = await rotateTo('second');

    const tokens = await Promise.all(Array.from({ length: 10 }, () => sign(next)));
    expect(await Promise.all(tokens.map(status))).toEqual(Array(10).fill(200));
    expect(issuer.count('/jwks')).toBe(2);
  });

  it('makes the set be fetched at most every 30 seconds, however many there are (CWE-400)', async () => {
    at(0);
    expect(await status(await sign())).toBe(200);
    const forged = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => sign(await createSigningKey(`x${index}`))),
    );

    for (const token of forged) expect(await status(token)).toBe(401);
    expect(issuer.count('/jwks')).toBe(2);

    at(29);
    expect(await status(forged[0] as string)).toBe(401);
    expect(issuer.count('/jwks')).toBe(2);
    at(31);
    expect(await status(forged[1] as string)).toBe(401);
    expect(issuer.count('/jwks')).toBe(3);
    expect(new Set(server.events)).toEqual(new Set(['resource.refused: key_unknown']));
  });

  it('does not cost the known keys their place while others are tried', async () => {
    const token = await sign();
    expect(await status(token)).toBe(200);
    await status(await sign(await createSigningKey('forged')));

    expect(await status(token)).toBe(200);
  });

  it('does not make the set be fetched where it is of another issuer', async () => {
    expect(await status(await sign())).toBe(200);
    const key = await createSigningKey('foreign');
    const claims = { iss: 'https://other.example' };

    expect(await status(await signToken(issuer, server.url, { key, claims }))).toBe(401);
    expect(issuer.count('/jwks')).toBe(1);
  });

  it('is not decided while the issuer is down: 503, since the key may be a new one', async () => {
    at(0);
    expect(await status(await sign())).toBe(200);
    issuer.isDown = true;
    const token = await sign(await createSigningKey('second'));

    for (const second of [1, 2]) {
      at(second);
      expect(await status(token)).toBe(503);
    }
    expect(issuer.requests).toHaveLength(3); // The outage is remembered for the pause, too.
  });
});

describe('while the issuer is down', () => {
  it('known keys go on for an hour, and then nothing is decided any more', async () => {
    at(0);
    const token = await sign();
    expect(await status(token)).toBe(200);
    issuer.isDown = true;

    for (const second of [1, 700, 1500, 3599]) {
      at(second);
      expect(await status(token)).toBe(200);
    }
    at(3601);
    expect(await status(token)).toBe(503);
  });

  it('a resource server that starts answers 503 with Retry-After, never 401, and recovers within seconds', async () => {
    at(0);
    issuer.isDown = true;
    const token = await sign();
    const answer = await server.call(token);

    expect([answer.status, answer.headers.get('retry-after'), answer.json?.error]).toEqual([
      503,
      '5',
      'temporarily_unavailable',
    ]);
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(answer.headers.get('cache-control')).toBe('no-store');

    issuer.isDown = false;
    at(6);
    expect(await status(token)).toBe(200);
  });

  it('it is not asked with every request', async () => {
    at(0);
    issuer.isDown = true;
    const token = await sign();
    for (let index = 0; index < 10; index += 1) expect(await status(token)).toBe(503);

    expect(issuer.requests).toHaveLength(1);
  });

  it('requests without a token are challenged as ever', async () => {
    issuer.isDown = true;
    const { status: answered, headers } = await server.call();

    expect(answered).toBe(401);
    expect(headers.get('www-authenticate')).toContain('resource_metadata=');
  });

  it('the reason is told in an event and nowhere else', async () => {
    issuer.answers.set('/jwks', () => ({ status: 500, body: { error: 'the key store of the issuer' } }));
    const { text } = await server.call(await sign());

    expect(server.events).toEqual(['issuer.unavailable: Error: key set: status 500']);
    expect(text).not.toContain('key set');
    await expect(server.resource.verify(await sign(), '/mcp')).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      status: 503,
    });
  });
});

describe('an answer of the issuer that cannot be used is an outage', () => {
  const metadata = '/.well-known/oauth-authorization-server';

  it.each<[string, string, { status?: number; body: unknown }, string]>([
    ['no key set', '/jwks', { body: {} }, 'JWKSInvalid: JSON Web Key Set malformed'],
    ['a key set that is text', '/jwks', { body: 'keys' }, 'Error: key set: status 200, no JSON'],
    ['a key set that is a list', '/jwks', { body: [] }, 'Error: key set: no object'],
    ['an error', '/jwks', { status: 404, body: {} }, 'Error: key set: status 404'],
    ['a redirect', '/jwks', { status: 302, body: {} }, 'Error: key set: status 302'],
    [
      'metadata of another issuer (RFC 8414 section 3.3)',
      metadata,
      { body: { issuer: 'https://other.example', jwks_uri: 'https://other.example/jwks' } },
      'Error: issuer metadata: its issuer is another one',
    ],
    ['metadata without a key set', metadata, { body: { issuer: 'own' } }, 'Error: issuer metadata: no jwks_uri'],
    ['metadata that is refused', metadata, { status: 403, body: {} }, 'Error: issuer metadata: status 403'],
  ])('%s', async (_what, path, answer, reason) => {
    const body = (answer.body as { issuer?: string }).issuer === 'own' ? { issuer: issuer.url } : answer.body;
    issuer.answers.set(path, () => ({ ...answer, body }));

    expect(await status(await sign())).toBe(503);
    expect(server.events).toEqual([`issuer.unavailable: ${reason}`]);
  });

  it('also where it has no metadata at any well-known place', async () => {
    for (const path of [metadata, '/.well-known/openid-configuration'])
      issuer.answers.set(path, () => ({ status: 404, body: {} }));

    expect(await status(await sign())).toBe(503);
    expect(server.events).toEqual(['issuer.unavailable: Error: issuer metadata: status 404 at every well-known place']);
  });

  it('also where it is larger than 64 KiB (CWE-400)', async () => {
    issuer.answers.set('/jwks', () => ({ body: { keys: [], padding: 'x'.repeat(65_536) } }));

    expect(await status(await sign())).toBe(503);
    expect(server.events).toEqual([
      expect.stringMatching(/^issuer\.unavailable: OutboundError: key set from .*: too_large$/),
    ]);
  });

  it('also where its metadata leads to another address of this machine (CWE-918)', async () => {
    const jwks = issuer.url.replace('127.0.0.1', '127.0.0.2');
    issuer.answers.set(metadata, () => ({ body: { issuer: issuer.url, jwks_uri: `${jwks}/jwks` } }));

    expect(await status(await sign())).toBe(503);
    expect(server.events).toEqual([expect.stringMatching(/address_refused$/)]);
  });

  it('but an issuer that the operator named may stand inside the company’s network, and what its name points to elsewhere not', async () => {
    const iss = 'https://as.corp.example';
    const failures: string[] = [];
    for (const address of ['fd00::1', '169.254.169.254']) {
      const lookup: LookupFunction = (_host, _options, found) =>
        found(null, [{ address, family: isIPv6(address) ? 6 : 4 }]);
      const inside = mountResource(await openSite(), { issuer: iss, outbound: { lookup } });
      await inside.call(await signToken(issuer, inside.url, { claims: { iss } }));
      failures.push(...inside.events);
      await inside.close();
    }

    const failed = 'issuer.unavailable: OutboundError: issuer metadata from as.corp.example: ';
    expect(failures).toEqual([
      expect.stringMatching(/^issuer\.unavailable: .*(?:connect_failed|timed_out)$/), // Nobody is there; it was tried.
      `${failed}address_refused`,
    ]);
  });

  it('unless keys are known already', async () => {
    at(0);
    const token = await sign();
    expect(await status(token)).toBe(200);
    issuer.answers.set('/jwks', () => ({ body: { keys: 'none' } }));

    at(700);
    expect(await status(token)).toBe(200);
  });
});
