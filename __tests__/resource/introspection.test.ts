import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { memoryStorage, StorageUnavailableError } from '../../lib/index.ts';
import { signInByHand } from '../helpers/protected-server.ts';
import { type PlayedIssuer, playIssuer } from './issuer.ts';
import { mountResource, openSite, type Pair, type ResourceServer, startPair } from './support.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('at a gateway', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair('introspection');
  });
  afterAll(() => pair.close());
  beforeEach(() => {
    pair.server.events.length = 0;
  });

  const signIn = () => signInByHand(pair.gateway.url, pair.server.url);

  it('an opaque token is accepted, and describes its user as the gateway knows them', async () => {
    const { client, accessToken } = await signIn();

    expect((await pair.server.call(accessToken)).status).toBe(200);
    expect(pair.server.seen()).toMatchObject({
      auth: { clientId: client.clientId, scopes: ['mcp:tools'], resource: new URL(pair.server.url) },
      user: { sub: 'alice', iss: `${pair.gateway.url}/oauth/dev-login`, data: { clientId: client.clientId } },
    });
    expect(JSON.stringify(pair.server.seen()?.auth)).not.toContain(accessToken);
  });

  it('a token that is revoked is refused when the memory of it ends, within tokenCacheSeconds (RFC 7009 section 2.1)', async () => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const { client, accessToken, refreshToken } = await signIn();
    expect((await pair.server.call(accessToken)).status).toBe(200);
    await client.revoke(refreshToken);

    jest.spyOn(Date, 'now').mockImplementation(() => now + 1_000);
    expect((await pair.server.call(accessToken)).status).toBe(200);
    jest.spyOn(Date, 'now').mockImplementation(() => now + 5_001);
    expect((await pair.server.call(accessToken)).status).toBe(401);
    expect(pair.server.events).toEqual(['resource.refused: unknown']);
  });

  it('a token that is revoked is refused at once where nothing is remembered', async () => {
    const immediate = await startPair('introspection', { resource: { tokenCacheSeconds: 0 } });
    try {
      const { client, accessToken } = await signInByHand(immediate.gateway.url, immediate.server.url);
      expect((await immediate.server.call(accessToken)).status).toBe(200);

      await client.revoke(accessToken);
      expect((await immediate.server.call(accessToken)).status).toBe(401);
    } finally {
      await immediate.close();
    }
  });

  it('neither a refresh token nor a code is accepted (RFC 8725 section 3.12)', async () => {
    const { client, refreshToken } = await signIn();

    for (const token of [refreshToken, 'unknown', client.clientId])
      expect((await pair.server.call(token)).status).toBe(401);
  });

  it('a JWT is refused and not called an outage: its bearer shall sign in again', async () => {
    const header = Buffer.from('{"alg":"ES256","typ":"at+jwt"}').toString('base64url');

    expect((await pair.server.call(`${header}.e30.AAAA`)).status).toBe(401);
    expect(pair.server.events).toEqual(['resource.refused: unknown']);
  });

  it('an outage of the gateway’s store is 503, never 401, and over with it', async () => {
    const storage = memoryStorage();
    const failing = await startPair('introspection', { gateway: { storage }, resource: { tokenCacheSeconds: 0 } });
    try {
      const { accessToken } = await signInByHand(failing.gateway.url, failing.server.url);
      expect((await failing.server.call(accessToken)).status).toBe(200);
      const { get } = storage;
      storage.get = () => Promise.reject(new StorageUnavailableError('the test broke it'));
      const answer = await failing.server.call(accessToken);

      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
      expect(failing.server.events).toEqual(['issuer.unavailable: Error: introspection: status 503']);
      storage.get = get;
      expect((await failing.server.call(accessToken)).status).toBe(200);
    } finally {
      await failing.close();
    }
  });

  it('credentials that the gateway does not know are an outage of this server, told in an event', async () => {
    const misled = await startPair('introspection', {
      resource: { introspection: { clientId: 'files', clientSecret: 'not the one that was agreed on' } },
    });
    try {
      const { accessToken } = await signInByHand(misled.gateway.url, misled.server.url);
      expect((await misled.server.call(accessToken)).status).toBe(503);
      expect(misled.server.events).toEqual(['issuer.unavailable: Error: introspection: status 401']);
    } finally {
      await misled.close();
    }
  });
});

describe('by an answer of the issuer', () => {
  let issuer: PlayedIssuer;
  let server: ResourceServer;
  /** Form and credentials of each question. */
  let asked: { form: URLSearchParams; authorization: string | undefined }[];
  let answer: { status?: number; body: unknown } | undefined;
  const nowSeconds = () => Math.floor(Date.now() / 1000);
  const active = (members: Record<string, unknown> = {}) => ({
    body: {
      active: true,
      aud: server.url,
      client_id: 'client',
      sub: 'alice',
      scope: 'mcp:tools',
      exp: nowSeconds() + 60,
      token_type: 'Bearer',
      ...members,
    },
  });

  beforeEach(async () => {
    issuer = await playIssuer();
    asked = [];
    issuer.answers.set('/introspect', (req, body) => {
      asked.push({ form: new URLSearchParams(body), authorization: req.headers.authorization });
      return answer;
    });
    server = mountResource(await openSite(), {
      issuer: issuer.url,
      verification: 'introspection',
      introspection: { clientId: 'files:1', clientSecret: 'a secret & more' },
    });
    answer = active();
  });
  afterEach(async () => {
    await server.close();
    await issuer.close();
  });

  it('asks with the token, its kind and form-encoded credentials (RFC 7662 section 2.1, RFC 6749 section 2.3.1)', async () => {
    expect((await server.call('the-token')).status).toBe(200);

    const [{ form, authorization } = { form: undefined, authorization: '' }] = asked;
    expect(Object.fromEntries(form ?? [])).toEqual({ token: 'the-token', token_type_hint: 'access_token' });
    const credentials = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    expect(credentials).toBe('files%3A1:a+secret+%26+more');
  });

  it('describes the user by sub, username and iss; without iss they are the trusted issuer’s (RFC 7662 section 2.2)', async () => {
    answer = active({ username: 'Alice A.', iss: issuer.url });
    expect((await server.call('one')).status).toBe(200);
    const user = { sub: 'alice', iss: issuer.url, data: { username: 'Alice A.', roles: [], clientId: 'client' } };
    expect(server.seen()?.user).toEqual(user);

    answer = active();
    expect((await server.call('two')).status).toBe(200);
    expect(server.seen()?.user).toEqual({ ...user, data: { roles: [], clientId: 'client' } });
  });

  const reference = () => String((server.seen()?.auth as { token?: string } | undefined)?.token);

  it('does not show the token, only a reference that is another one for each token', async () => {
    await server.call('one');
    const first = reference();
    await server.call('two');
    const second = reference();

    expect(first).toMatch(/^grant:[\w-]{43}$/);
    expect(second).not.toBe(first);
    answer = { body: { active: false } };
    expect((await server.call(first.replace('grant:', ''))).status).toBe(401);
  });

  it('does not show the token where the issuer gives it as its own id', async () => {
    answer = active({ jti: 'the-token', gid: 'the-token' });
    expect((await server.call('the-token')).status).toBe(200);

    expect(reference()).toMatch(/^grant:[\w-]{43}$/);
  });

  it('is remembered for tokenCacheSeconds, under each token alone', async () => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    for (const token of ['one', 'one', 'two', 'one', 'two']) expect((await server.call(token)).status).toBe(200);
    expect(asked).toHaveLength(2);

    jest.spyOn(Date, 'now').mockImplementation(() => now + 5_001);
    await server.call('one');
    expect(asked).toHaveLength(3);
  });

  it('is asked for once by requests that arrive together with one token', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.call('one')));

    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(asked).toHaveLength(1);
  });

  it('is never remembered past the end of the token', async () => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    answer = active({ exp: Math.floor(now / 1000) + 2 });
    expect((await server.call('one')).status).toBe(200);

    jest.spyOn(Date, 'now').mockImplementation(() => now + 3_000);
    expect((await server.call('one')).status).toBe(401);
  });

  it('is not remembered where the token is inactive, nor where there was none', async () => {
    answer = { body: { active: false } };
    expect((await server.call('one')).status).toBe(401);
    answer = undefined;
    expect((await server.call('one')).status).toBe(503);
    answer = active();
    expect((await server.call('one')).status).toBe(200);
  });

  it('is forgotten by close()', async () => {
    await server.call('one');
    await server.resource.close();
    await server.call('one');

    expect(asked).toHaveLength(2);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['for another resource', { aud: 'https://other.example/mcp' }, 'audience is another resource'],
    ['for several', { aud: ['https://a.example/mcp', 'https://b.example/mcp'] }, 'several_audiences'],
    ['for nobody', { aud: undefined }, 'malformed_record'],
    ['of another issuer', { iss: 'https://other.example' }, 'wrong_issuer'],
    ['that has ended', { exp: 1 }, 'expired'],
    ['without an end', { exp: undefined }, 'malformed_record'],
    ['without a client', { client_id: undefined }, 'malformed_record'],
    ['without a subject', { sub: undefined }, 'malformed_record'],
    ['without a type, as a refresh token is', { token_type: undefined }, 'wrong_type'],
    ['of another type', { token_type: 'N_A' }, 'wrong_type'],
    ['bound to a key, as Bearer', { token_type: 'DPoP', cnf: { jkt: 'thumbprint' } }, 'bound_token_as_bearer'],
    ['bound to a certificate', { cnf: { 'x5t#S256': 'thumbprint' } }, 'malformed_record'],
  ])('an active token %s is refused', async (_what, members, reason) => {
    answer = active(members);

    expect((await server.call('one')).status).toBe(401);
    expect(server.events).toEqual([`resource.refused: ${reason}`]);
  });

  it.each<[string, { status?: number; body: unknown } | undefined, string]>([
    ['none', undefined, 'OutboundError: introspection from HOST: response_invalid'],
    ['an error', { status: 500, body: {} }, 'Error: introspection: status 500'],
    [
      'that it does not take this server',
      { status: 401, body: { error: 'invalid_client' } },
      'Error: introspection: status 401',
    ],
    ['that it takes nothing', { status: 403, body: {} }, 'Error: introspection: status 403'],
    [
      'that the request is wrong',
      { status: 400, body: { error: 'invalid_request' } },
      'Error: introspection: status 400',
    ],
    ['a redirect', { status: 302, body: {} }, 'Error: introspection: status 302'],
    ['a page', { body: '<html>' }, 'Error: introspection: status 200, no JSON'],
    ['a list', { body: [{ active: true }] }, 'Error: introspection: status 200'],
    ['neither yes nor no', { body: {} }, 'Error: introspection: status 200'],
    ['yes as text', { body: { active: 'true' } }, 'Error: introspection: status 200'],
  ])('%s: 503, and never 401 (DESIGN 4.10)', async (_what, given, reason) => {
    answer = given;
    const { status, headers, json } = await server.call('one');

    expect([status, headers.get('retry-after'), json?.error]).toEqual([503, '5', 'temporarily_unavailable']);
    const host = new URL(issuer.url).host;
    expect(server.events).toEqual([`issuer.unavailable: ${reason.replace('HOST', host)}`]);
  });

  it('a remembered token goes on while the issuer is down, as long as it is remembered', async () => {
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    expect((await server.call('one')).status).toBe(200);
    issuer.isDown = true;

    expect((await server.call('one')).status).toBe(200);
    jest.spyOn(Date, 'now').mockImplementation(() => now + 5_001);
    expect((await server.call('one')).status).toBe(503);
  });

  it('the endpoint may be named: the metadata is then not asked for', async () => {
    const named = mountResource(await openSite(), {
      issuer: issuer.url,
      verification: 'introspection',
      introspection: { url: `${issuer.url}/introspect`, clientId: 'files', clientSecret: 'secret' },
    });
    try {
      answer = active({ aud: named.url });
      expect((await named.call('one')).status).toBe(200);
      expect(issuer.requests).toEqual(['/introspect']);
    } finally {
      await named.close();
    }
  });
});
