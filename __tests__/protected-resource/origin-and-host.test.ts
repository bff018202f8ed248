import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createBrowser } from '../helpers/browser.ts';
import { type Answer, createOAuthClient, type Sent, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';

let gateway: ObservedGateway;
let accessToken: string;
let reached = 0;
beforeAll(async () => {
  gateway = await startObservedGateway({
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp', { allowedOrigins: ['https://app.example'] }), (_req, res) => {
        reached += 1;
        res.json({ ok: true });
      }),
  });
  const client = await createOAuthClient(gateway.url);
  const { json } = await client.redeem(await client.login(createBrowser()));
  accessToken = String(json?.access_token);
});
afterAll(() => gateway.close());

const call = (headers: Record<string, string> = {}, sent: Sent = {}) => {
  reached = 0;
  return gateway.observe(() =>
    send(`${gateway.url}/mcp`, { ...sent, headers: { authorization: `Bearer ${accessToken}`, ...headers } }),
  );
};

/** Refused before the token is looked at: no challenge, no CORS, no handler. */
function expectTurnedAway({ answer, events, writes }: Observed<Answer>, status: number, reason: string): void {
  expect({ status: answer.status, error: answer.json?.error, events, writes, reached }).toEqual({
    status,
    error: 'invalid_request',
    events: [`resource.refused: ${reason}`],
    writes: [],
    reached: 0,
  });
  expect(answer.headers.get('www-authenticate')).toBeNull();
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
}

describe('Origin', () => {
  it.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'https://app.example:8443',
    'http://app.example',
    'https://APP.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://127.1',
    'http://2130706433',
    'null',
    'file://',
    'https://app.example, https://evil.example',
    '',
  ])('of %j is refused with a right token, and reflected nowhere (MCP transports, CVE-2025-66414)', async (origin) => {
    const observed = await call({ origin });

    expectTurnedAway(observed, 403, 'origin is not allowed');
    expect(observed.answer.text + JSON.stringify([...observed.answer.headers])).not.toMatch(
      /evil|example|127\.1|2130706433/,
    );
  });

  it.each(['http://localhost:6274', 'http://127.0.0.1:6274', 'http://[::1]:6274', 'https://localhost'])(
    'of %s on this computer is allowed under a loopback issuer, without credentials',
    async (origin) => {
      const { answer } = await call({ origin });

      expect([answer.status, reached]).toEqual([200, 1]);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
      expect(answer.headers.get('vary')).toBe('Origin');
    },
  );

  it('that the route names is allowed, and may read the challenge', async () => {
    const allowed = await call({ origin: 'https://app.example' });
    const challenged = await call({ origin: 'https://app.example', authorization: 'Bearer unknown' });

    expect([allowed.answer.status, challenged.answer.status]).toEqual([200, 401]);
    for (const { answer } of [allowed, challenged])
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(challenged.answer.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  });

  it('of the issuer itself is allowed, and so is none', async () => {
    expect((await call({ origin: gateway.url })).answer.status).toBe(200);
    expect((await call()).answer.status).toBe(200);
  });

  it('is checked before the token: a foreign page does not learn whether one is valid', async () => {
    const [right, wrong] = [
      await call({ origin: 'https://evil.example' }),
      await call({ origin: 'https://evil.example', authorization: 'Bearer unknown' }),
    ];

    expect([right.answer.status, right.answer.text]).toEqual([wrong.answer.status, wrong.answer.text]);
  });
});

describe('a preflight', () => {
  const preflight = (origin: string) =>
    call({ origin, authorization: '', 'access-control-request-method': 'POST' }, { method: 'OPTIONS' });

  it('of an allowed page is answered without a token and reaches no handler (Fetch, CORS-preflight)', async () => {
    const { answer, events, writes } = await preflight('https://app.example');

    expect([answer.status, answer.text, reached, events, writes]).toEqual([204, '', 0, [], []]);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, POST, DELETE, OPTIONS');
    expect(answer.headers.get('access-control-allow-headers')).toMatch(
      /Authorization.*Content-Type.*Mcp-Session-Id.*MCP-Protocol-Version.*Last-Event-ID/,
    );
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(answer.headers.get('vary')).toContain('Origin');
  });

  it('of a foreign page is refused', async () => {
    expectTurnedAway(await preflight('https://evil.example'), 403, 'origin is not allowed');
  });

  it('is not what any other OPTIONS is: that needs a token', async () => {
    const { answer } = await call({ authorization: 'Bearer unknown' }, { method: 'OPTIONS' });

    expect([answer.status, reached]).toEqual([401, 0]);
  });
});

describe('Host', () => {
  it.each(['evil.example', 'localhost', '127.0.0.1', '127.0.0.1:1', '127.1', 'evil.example:80@127.0.0.1', ''])(
    'of %j is answered 421 with a right token, and reflected nowhere (DNS rebinding, RFC 9700 section 4.4)',
    async (host) => {
      const observed = await call({ host });

      expectTurnedAway(observed, 421, 'host is not served');
      expect(observed.answer.text + JSON.stringify([...observed.answer.headers])).not.toMatch(/evil|127\.|localhost/);
    },
  );

  it.each(['x-forwarded-host', 'forwarded', 'x-host', 'x-original-host'])(
    'is not taken from %s (RFC 7239 section 8.1)',
    async (name) => {
      const { answer } = await call({ authorization: 'Bearer unknown', [name]: 'host=evil.example' });

      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain(`resource_metadata="${gateway.url}/.well-known/`);
      expect(answer.text + JSON.stringify([...answer.headers])).not.toContain('evil');
    },
  );

  it('is not taken from an absolute request target (RFC 9112 section 3.2.2)', async () => {
    const { answer } = await call({ authorization: 'Bearer unknown' }, { target: 'http://evil.example/mcp' });

    expect([answer.status, reached]).toEqual([401, 0]);
    expect(answer.text + JSON.stringify([...answer.headers])).not.toContain('evil');
  });
});

describe('under an issuer in public', () => {
  let inPublic: ObservedGateway;
  beforeAll(async () => {
    inPublic = await startObservedGateway({
      options: () => ({
        issuer: 'https://mcp.example.com',
        oidc: { issuer: 'https://idp.example.com' },
        browserLogin: { clientId: 'gateway', clientSecret: 'secret' },
      }),
    });
  });
  afterAll(() => inPublic.close());
  const ask = (origin: string) =>
    inPublic.observe(() => send(`${inPublic.url}/mcp`, { headers: { host: 'mcp.example.com', origin } }));

  it.each(['http://localhost:6274', 'http://127.0.0.1', 'http://mcp.example.com'])('%s is foreign', async (origin) => {
    const { answer, events } = await ask(origin);

    expect([answer.status, events]).toEqual([403, ['resource.refused: origin is not allowed']]);
  });

  it('the issuer is not, and the challenge names it', async () => {
    const { answer } = await ask('https://mcp.example.com');

    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain(
      'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"',
    );
  });
});
