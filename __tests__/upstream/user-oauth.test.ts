import { afterEach, describe, expect, test } from '@jest/globals';
import {
  connect,
  type FilesGateway,
  type FilesGatewaySettings,
  linkIn,
  rpc,
  signIn,
  startFilesGateway,
  type User,
  whoAmI,
} from './support.ts';

let files: FilesGateway;
let alice: User;

async function start(settings?: FilesGatewaySettings): Promise<FilesGateway> {
  files = await startFilesGateway(settings);
  alice = await signIn(files.gateway.url, 'alice');
  return files;
}

const call = (user = alice) => rpc(files.url, user, 'tools/call', { name: 'whoami', arguments: {} });
const connectAlice = async () => connect(alice.browser, linkIn((await call()).text), 'alice-at-files');
const refreshes = () =>
  files.upstream.tokenRequests.filter(({ grant_type: grant }) => grant === 'refresh_token').length;
const eventsOf = (type: string) => files.gateway.events.filter((event) => event.type === type);

/** Parameters of the authorization request at the upstream. */
function authorizationRequest(): URLSearchParams {
  const request = files.upstream.requests.find(({ url }) => url.startsWith('/auth?'));
  return new URL(request?.url ?? '', files.upstream.issuer).searchParams;
}

afterEach(async () => {
  await files?.close();
});

describe('a user who has not connected the upstream', () => {
  test('gets a link, connects in the browser, and then calls it as themselves', async () => {
    const { upstream, gateway } = await start();
    const before = await call();
    expect([before.status, before.json?.result]).toEqual([200, expect.objectContaining({ isError: true })]);
    expect(upstream.callers).toEqual([]);
    expect((await connectAlice()).text).toContain('Files is connected');
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
    expect(eventsOf('upstream.connected')).toEqual([expect.objectContaining({ upstream: 'files' })]);
    expect(JSON.stringify(gateway.events)).not.toContain(upstream.authorizations.at(-1)?.slice(7));
  });

  test('is sent to the upstream with PKCE S256, the resource, the challenge’s scopes and its own redirect URI', async () => {
    const { gateway, upstream } = await start();
    await connectAlice();
    const parameters = authorizationRequest();
    expect(Object.fromEntries(parameters)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      resource: upstream.url,
      scope: 'files:read',
      redirect_uri: `${gateway.url}/oauth/connect/callback/files`,
    });
    expect(parameters.get('code_challenge')).toMatch(/^[\w-]{43}$/);
    const [redeemed] = upstream.tokenRequests;
    expect(redeemed).toMatchObject({ grant_type: 'authorization_code', resource: upstream.url });
    expect(redeemed?.code_verifier).toMatch(/^[\w-]{43}$/);
  });
});

describe('the upstream is found', () => {
  const wellKnown = () => files.upstream.requests.map(({ url }) => url).filter((url) => url.includes('.well-known'));

  test('by its challenge, then RFC 9728 and RFC 8414, in that order', async () => {
    await start();
    await connectAlice();
    expect(wellKnown()).toEqual([
      '/.well-known/oauth-protected-resource/mcp',
      '/.well-known/oauth-authorization-server',
    ]);
  });

  test('at the root where it is published there only', async () => {
    await start({ upstream: { metadata: 'root' } });
    await connectAlice();
    expect(wellKnown()).toContain('/.well-known/oauth-protected-resource');
    expect((await call()).status).toBe(200);
  });

  test('by the URL that the operator gives, and by no other', async () => {
    await start({
      upstream: { metadata: 'root' },
      credential: ({ issuer }) => ({
        protectedResourceMetadataUrl: `${issuer}/.well-known/oauth-protected-resource`,
      }),
    });
    await connectAlice();
    expect(wellKnown()).toEqual(['/.well-known/oauth-protected-resource', '/.well-known/oauth-authorization-server']);
  });

  test('at its own origin without any metadata (MCP 2025-03-26)', async () => {
    await start({ upstream: { metadata: 'none' }, credential: { scopes: ['files:read'] } });
    await connectAlice();
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  });

  test('once, however many users connect', async () => {
    await start();
    await connectAlice();
    const before = wellKnown().length;
    const bob = await signIn(files.gateway.url, 'bob');
    await connect(bob.browser, linkIn((await call(bob)).text), 'bob-at-files');
    expect(wellKnown().length).toBe(before);
    expect(files.upstream.requests.filter(({ url }) => url === '/reg').length).toBe(1);
  });
});

describe('this server is known there', () => {
  test('by manual registration, with the method that was given', async () => {
    const clientRegistration = {
      mode: 'manual',
      clientId: 'the-gateway',
      clientSecret: 'the secret of the gateway',
      tokenEndpointAuthMethod: 'client_secret_post',
    } as const;
    const { upstream, gateway } = await start({
      upstream: { registration: false },
      credential: { clientRegistration },
    });
    await upstream.addClient({
      client_id: clientRegistration.clientId,
      client_secret: clientRegistration.clientSecret,
      token_endpoint_auth_method: clientRegistration.tokenEndpointAuthMethod,
      redirect_uris: [`${gateway.url}/oauth/connect/callback/files`],
      grant_types: ['authorization_code', 'refresh_token'],
    });
    await connectAlice();
    expect(whoAmI(await call()).clientId).toBe('the-gateway');
    expect(upstream.tokenRequests[0]).toMatchObject({ client_id: 'the-gateway' });
  });

  test('with the scopes that the operator names, in the spelling that the server wants', async () => {
    const clientRegistration = { mode: 'manual', clientId: 'known', clientSecret: 'known-secret' } as const;
    await start({ credential: { clientRegistration, scopes: ['files:read', 'files:write'], scopeDelimiter: ',' } });
    await connectAlice();
    expect(authorizationRequest().get('scope')).toBe('files:read,files:write');
  });

  test('not at all where the server wants a client that nobody set up: told to the operator', async () => {
    await start({ upstream: { registration: false } });
    const page = await connectAlice();
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('was not connected')]);
    expect(eventsOf('upstream.connect_refused')).toEqual([
      expect.objectContaining({ reason: expect.stringContaining('give clientRegistration manual') }),
    ]);
  });
});

describe('a token that the upstream refuses', () => {
  test('is renewed, and the call made again with the same body, so that the client notices nothing', async () => {
    await start();
    await connectAlice();
    await call();
    files.upstream.forgetAccessTokens();
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
    expect(refreshes()).toBe(1);
  });

  test('and cannot be renewed because the grant has ended, asks that user to connect again, and nobody else', async () => {
    await start();
    await connectAlice();
    files.upstream.forgetGrants();
    const bob = await signIn(files.gateway.url, 'bob');
    await connect(bob.browser, linkIn((await call(bob)).text), 'bob-at-files');
    const answer = await call();
    expect(answer.json?.result).toMatchObject({ isError: true });
    expect(eventsOf('upstream.connection_ended')).toEqual([
      expect.objectContaining({ upstream: 'files', reason: 'invalid_grant' }),
    ]);
    expect(whoAmI(await call(bob)).extra?.sub).toBe('bob-at-files');
    await connect(alice.browser, linkIn(answer.text), 'alice-at-files');
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  });

  test('again after its renewal leads to the link, never to a 401 of ours', async () => {
    await start();
    await connectAlice();
    files.upstream.faults.mcp = (_req, res) => {
      res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token", realm="secret upstream"' }).end();
      return true;
    };
    const answer = await call();
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([200, null]);
    expect([linkIn(answer.text), answer.text]).toEqual([expect.any(String), expect.not.stringContaining('secret')]);
    expect(files.upstream.callers.length).toBe(2);
  });

  test('whatever its age costs no renewal for each call: the link comes at once', async () => {
    await start();
    await connectAlice();
    files.upstream.faults.mcp = (_req, res) => {
      res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end();
      return true;
    };
    for (let time = 0; time < 6; time += 1) expect(linkIn((await call()).text)).toEqual(expect.any(String));
    expect(refreshes()).toBe(3);
    files.upstream.faults.mcp = undefined;
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  });

  test('for its scopes leads to a link that asks for them too (MCP 2026-07-28, Step-Up)', async () => {
    await start();
    await connectAlice();
    files.upstream.faults.mcp = (_req, res) => {
      const challenge =
        'Bearer error="insufficient_scope", scope="files:write", resource_metadata="https://evil.example"';
      res.writeHead(403, { 'www-authenticate': challenge }).end();
      return true;
    };
    const answer = await call();
    expect(answer.json?.result).toMatchObject({ isError: true });
    files.upstream.faults.mcp = undefined;
    files.upstream.requests.length = 0;
    await connect(alice.browser, linkIn(answer.text), 'alice-at-files');
    expect(authorizationRequest().get('scope')).toBe('files:read files:write');
    expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
  });
});

describe('an outage of the authorization server', () => {
  test.each([
    { status: 429, body: { error: 'slow_down' }, headers: { 'retry-after': '7' } },
    { status: 500, body: {} },
    { status: 503, body: { error: 'invalid_grant' } },
    { status: 400, body: { error: 'temporarily_unavailable' } },
    { status: 200, body: 'no token' },
  ])('$status keeps everything: 503 now, and the same connection afterwards', async (fault) => {
    await start();
    await connectAlice();
    files.upstream.forgetAccessTokens();
    files.upstream.faults.token = fault;
    const answer = await call();
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([503, true]);
    if (fault.status === 429) expect(answer.headers.get('retry-after')).toBe('7');
    // Nobody asks again before it is time.
    expect([(await call()).status, refreshes()]).toEqual([503, 1]);
    expect(eventsOf('upstream.connection_ended')).toEqual([]);
    files.upstream.faults.token = undefined;
    const real = Date.now;
    Date.now = () => real() + 60_000;
    try {
      expect(whoAmI(await call()).extra?.sub).toBe('alice-at-files');
    } finally {
      Date.now = real;
    }
  });
});

test('a user who disconnects it has the tokens revoked there (RFC 7009), and is asked again', async () => {
  const { gateway, upstream } = await start();
  await connectAlice();
  await call();
  const page = await alice.browser.get(`${gateway.url}/oauth/connections`);
  expect(page.text).toContain('Files');
  upstream.requests.length = 0;
  await alice.browser.submit(page, 'upstream', { upstream: 'files' });
  expect(upstream.requests).toContainEqual({ method: 'POST', url: '/token/revocation' });
  expect(eventsOf('upstream.disconnected')).toEqual([expect.objectContaining({ upstream: 'files' })]);
  const before = upstream.callers.length;
  expect((await call()).json?.result).toMatchObject({ isError: true });
  expect(upstream.callers.length).toBe(before);
});

test('a user who disconnects it while its tokens are renewed has the new ones revoked, too', async () => {
  const { gateway, upstream } = await start();
  await connectAlice();
  await call();
  const page = await alice.browser.get(`${gateway.url}/oauth/connections`);
  upstream.forgetAccessTokens();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    upstream.faults.tokenAnswerGate = () => {
      resolve();
      return gate;
    };
  });
  const late = call();
  await asked;
  upstream.requests.length = 0;
  await alice.browser.submit(page, 'upstream', { upstream: 'files' });
  const revocations = () => upstream.requests.filter(({ url }) => url === '/token/revocation').length;
  expect(revocations()).toBe(1);
  release();
  expect((await late).json?.result).toMatchObject({ isError: true });
  expect(revocations()).toBe(2);
});
