/** What strangers may do how often, at each endpoint */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  type McpOAuthOptions,
  mcpOAuth,
  memoryStorage,
  type RateLimitedAttempt,
  type RateLimitOptions,
} from '../../lib/index.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { type Answer, basic, postForm, register, send } from '../helpers/oauth-client.ts';

let gateway: Gateway;
afterEach(() => gateway?.close());

const ofThree = { limit: 3, windowSeconds: 60 };
let storage = memoryStorage();

/** A gateway behind a proxy that Express trusts: X-Forwarded-For says who calls. */
async function start(
  rateLimits: RateLimitOptions | false,
  trusts = true,
  more: Partial<McpOAuthOptions> = {},
): Promise<void> {
  storage = memoryStorage();
  gateway = await startGateway({
    options: () => ({ rateLimits, storage, ...more }),
    routes: (app, auth) => {
      if (trusts) app.set('trust proxy', 'loopback');
      app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => res.json({}));
    },
  });
}

const from = (address: string) => ({ 'x-forwarded-for': address });
const registerFrom = (address: string, redirectUri = 'https://claude.ai/callback') =>
  register(gateway.url, { redirect_uris: [redirectUri] }, from(address));
const authorizeFrom = (address: string, clientId: string) =>
  send(`${gateway.url}/oauth/authorize?client_id=${encodeURIComponent(clientId)}&response_type=code`, {
    headers: from(address),
  });
const refreshFrom = (address: string, clientId: string) =>
  postForm(
    `${gateway.url}/oauth/token`,
    { grant_type: 'refresh_token', refresh_token: 'unknown', client_id: clientId },
    from(address),
  );

async function statuses(count: number, ask: (index: number) => Promise<Answer>): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await ask(index)).status);
  return seen;
}

describe('registration', () => {
  it('is refused with Retry-After beyond the limit of a redirect host at an address, and of nobody else', async () => {
    await start({ registration: ofThree });
    expect(await statuses(4, () => registerFrom('192.0.2.1'))).toEqual([201, 201, 201, 429]);

    const refused = await registerFrom('192.0.2.1');
    expect([refused.status, refused.json?.error]).toEqual([429, 'temporarily_unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(gateway.events).toContainEqual(
      expect.objectContaining({ type: 'client.refused', reason: 'too many requests; try again later' }),
    );
    expect((await registerFrom('192.0.2.1', 'https://chatgpt.com/callback')).status).toBe(201);
    expect((await registerFrom('192.0.2.2')).status).toBe(201);
  });

  it('is refused to an address that names ever other hosts', async () => {
    await start({ registration: ofThree });
    const seen = await statuses(32, (index) => registerFrom('192.0.2.1', `https://host-${index}.example/callback`));
    expect(seen).toEqual([...Array(30).fill(201), 429, 429]);
  });

  it('takes an IPv6 network for one caller, and every loopback client of it for one', async () => {
    await start({ registration: ofThree });
    const seen = await statuses(4, (index) =>
      registerFrom(`2001:db8:0:1::${index + 1}`, `http://127.0.0.1:${1000 + index}/callback`),
    );
    expect(seen).toEqual([201, 201, 201, 429]);
    expect((await registerFrom('2001:db8:0:2::1', 'http://127.0.0.1:1/callback')).status).toBe(201);
  });

  it.each([
    ['192.0.2.7', (port: number) => `192.0.2.7:${port}`],
    ['2001:db8:0:7::1', (port: number) => `[2001:db8:0:7::1]:${port}`],
  ])('takes %s for one caller where a proxy writes the port behind it', async (_address, withPort) => {
    await start({ registration: ofThree });
    expect(await statuses(4, (index) => registerFrom(withPort(1000 + index)))).toEqual([201, 201, 201, 429]);
  });

  it.each([
    ['a word for none (RFC 7239 section 6.2)', () => 'unknown'],
    ['any text, another each time', (index: number) => `_made-up-${index}`],
    ['an address that is none', (index: number) => `192.0.2.${1000 + index}`],
  ])('counts callers together whose proxy names %s', async (_what, nameOf) => {
    await start({ registration: ofThree });
    expect(await statuses(4, (index) => registerFrom(nameOf(index)))).toEqual([201, 201, 201, 429]);
    expect((await registerFrom('192.0.2.1')).status).toBe(201);
  });

  it('is counted by all replicas together', async () => {
    await start({ registration: ofThree });
    const other = await startGateway({
      options: () => ({
        issuer: gateway.url,
        browserLogin: { url: `${gateway.url}/oauth/dev-login` },
        rateLimits: { registration: ofThree },
        storage,
      }),
      beforeAuth: (app) => void app.set('trust proxy', 'loopback'),
    });
    const seen = [];
    for (const url of [gateway.url, other.url, gateway.url, other.url])
      seen.push(
        (
          await register(
            url,
            { redirect_uris: ['https://claude.ai/callback'] },
            { ...from('192.0.2.9'), host: new URL(gateway.url).host },
          )
        ).status,
      );
    expect(seen).toEqual([201, 201, 201, 429]);
    await other.close();
  });
});

describe('the authorization endpoint', () => {
  it('answers a page with 429 beyond the limit of a client at an address', async () => {
    await start({ authorization: ofThree });
    expect(await statuses(4, () => authorizeFrom('192.0.2.1', 'a'))).toEqual([400, 400, 400, 429]);
    const page = await authorizeFrom('192.0.2.1', 'a');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await authorizeFrom('192.0.2.1', 'b')).status).toBe(400);
    expect((await authorizeFrom('192.0.2.2', 'a')).status).toBe(400);
  });
});

describe('an address over its limit', () => {
  it('costs the store nothing, however many clients it names', async () => {
    await start({ authorization: { limit: 1, windowSeconds: 60 } });
    expect((await statuses(11, (index) => authorizeFrom('192.0.2.1', `client-${index}`))).at(-1)).toBe(429);
    const increment = jest.spyOn(storage, 'increment');
    expect(await statuses(3, (index) => authorizeFrom('192.0.2.1', `other-${index}`))).toEqual([429, 429, 429]);
    expect(increment).not.toHaveBeenCalled();
  });
});

describe('the token endpoint', () => {
  it('lets a client wait that fails again and again at an address, and nobody else', async () => {
    await start({ tokenFailures: ofThree });
    const client = String((await registerFrom('192.0.2.1')).json?.client_id);
    // Failures are counted after their answer, so a few more may get through.
    const seen = await statuses(20, () => refreshFrom('192.0.2.1', client));
    expect(seen.slice(0, 4)).toEqual([400, 400, 400, 400]);
    expect(seen.at(-1)).toBe(429);
    expect((await refreshFrom('192.0.2.2', client)).status).toBe(400);
    expect((await refreshFrom('192.0.2.1', 'another')).status).toBe(401);
  });
});

describe('the introspection endpoint', () => {
  const client = {
    client_id: 'files',
    client_secret: 'the secret of the files server, long enough',
    redirect_uris: ['https://files.example.com/unused'],
  };
  const introspectFrom = (address: string, secret: string, token: string) =>
    postForm(`${gateway.url}/oauth/introspect`, { token }, { ...from(address), ...basic('files', secret) });

  it('does not make a resource server wait for the tokens that strangers send it, whatever they are', async () => {
    await start({ tokenFailures: ofThree }, true, { clients: [client], gateway: { introspectionClients: ['files'] } });
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const junk = [part({ alg: 'ES256', typ: 'at+jwt' }), part({ iss: gateway.url, sub: 'anybody' }), 'AAAA'].join('.');
    const jwtLike = await statuses(10, () => introspectFrom('192.0.2.1', client.client_secret, junk));
    expect(jwtLike).toEqual(Array(10).fill(400));
    expect((await introspectFrom('192.0.2.1', client.client_secret, 'unknown')).json).toEqual({ active: false });
  });

  it('lets whoever tries secrets wait', async () => {
    await start({ tokenFailures: ofThree }, true, { clients: [client], gateway: { introspectionClients: ['files'] } });
    const seen = await statuses(20, (index) => introspectFrom('192.0.2.1', `guess ${index}`, 'unknown'));
    expect(seen.slice(0, 4)).toEqual([401, 401, 401, 401]);
    expect(seen.at(-1)).toBe(429);
  });
});

describe('limits', () => {
  it('do not touch callers on loopback: a proxy that Express does not trust stands for everybody', async () => {
    await start({ registration: { limit: 1, windowSeconds: 60 } }, false);
    expect(await statuses(3, () => registerFrom('192.0.2.1'))).toEqual([201, 201, 201]);
  });

  it('are off with false, all or one', async () => {
    await start(false);
    expect(await statuses(3, () => authorizeFrom('192.0.2.1', 'a'))).toEqual([400, 400, 400]);
    await gateway.close();
    await start({ registration: false, authorization: { limit: 1, windowSeconds: 60 } });
    expect(await statuses(2, () => registerFrom('192.0.2.1'))).toEqual([201, 201]);
    expect(await statuses(2, () => authorizeFrom('192.0.2.1', 'a'))).toEqual([400, 429]);
  });

  it('count the subjects that the app names, and nothing where it names none', async () => {
    const asked: RateLimitedAttempt[] = [];
    await start({
      registration: { limit: 1, windowSeconds: 60 },
      authorization: { limit: 1, windowSeconds: 60 },
      subjectOf: (attempt) => {
        asked.push(attempt);
        return attempt.endpoint === 'registration' ? 'everybody' : undefined;
      },
    });
    expect([(await registerFrom('192.0.2.1')).status, (await registerFrom('192.0.2.2')).status]).toEqual([201, 429]);
    expect(await statuses(3, () => authorizeFrom('192.0.2.1', 'a'))).toEqual([400, 400, 400]);
    expect(asked.slice(0, 3)).toEqual([
      { endpoint: 'registration', address: '192.0.2.1', redirectHost: 'claude.ai' },
      { endpoint: 'registration', address: '192.0.2.2', redirectHost: 'claude.ai' },
      { endpoint: 'authorization', address: '192.0.2.1', clientId: 'a' },
    ]);
  });

  it('are checked at start', () => {
    const rateLimits = { registration: { limit: 0 }, tokenFailure: ofThree, subjectOf: 'ip' };
    const browserLogin = { url: 'http://127.0.0.1:1/oauth/dev-login' };
    const refused = () => mcpOAuth({ issuer: 'http://127.0.0.1:1', browserLogin, rateLimits: rateLimits as never });
    expect(refused).toThrow(
      expect.objectContaining({
        problems: [
          {
            option: 'rateLimits.tokenFailure',
            message: expect.stringContaining('did you mean rateLimits.tokenFailures?'),
          },
          {
            option: 'rateLimits.registration.limit',
            message: 'must be an integer from 1 to 1000000, got another number',
          },
          { option: 'rateLimits.subjectOf', message: 'must be a function, got string' },
        ],
      }),
    );
  });
});
