import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';
import type { IdentityProvider } from '../helpers/identity-provider.ts';
import { callbackOf, send } from '../helpers/oauth-client.ts';
import { type Federation, type FederationSettings, isSignInPage, requestsTo, startFederation } from './support.ts';

const DISCOVERY = '/.well-known/openid-configuration';

/** Runs one federation from start to end. */
async function withFederation<T>(
  settings: FederationSettings,
  work: (federation: Federation) => Promise<T>,
): Promise<T> {
  const federation = await startFederation(settings);
  try {
    return await work(federation);
  } finally {
    await federation.close();
  }
}

describe('sign-in at the identity provider', () => {
  let federation: Federation;
  beforeAll(async () => {
    federation = await startFederation();
  });
  afterEach(() => federation.reset());
  afterAll(() => federation.close());

  it('needs no more than issuer, client id and secret, and reads discovery once (OpenID Connect Discovery 1.0 section 4)', async () => {
    const { code, state, iss } = await federation.login();
    expect({ state, iss }).toEqual({ state: 'the state', iss: federation.gateway.url });
    await federation.login();

    expect(requestsTo(federation, DISCOVERY)).toHaveLength(1);
    expect(await federation.userOf(code)).toEqual({
      sub: 'alice',
      iss: federation.idp.issuer,
      data: {
        name: 'Alice Adams',
        email: 'alice@acme.example',
        email_verified: true,
        roles: ['admin', 'user', 'engineering'],
        clientId: federation.client.clientId,
      },
    });
  });

  it('asks for approval before the identity provider hears anything and before it remembers the browser (MCP 2026-07-28, Confused Deputy)', async () => {
    const { gateway, client, idp } = federation;
    const browser = federation.browser();
    const loginCookies = () => browser.cookies().filter(({ name }) => name.startsWith('mcp_login'));
    const opened = await gateway.observe(() => browser.get(client.authorizeUrl()));

    expect(opened.answer.text).toContain('You will sign in next.');
    expect(opened.writes.filter((write) => write.endsWith('LoginState'))).toEqual([]);
    expect(loginCookies()).toEqual([]);
    expect(idp.requests).toEqual([]);

    const approved = await gateway.observe(() => browser.submit(opened.answer, 'csrf', { decision: 'approve' }));
    expect(isSignInPage(approved.answer)).toBe(true);
    expect(approved.writes.filter((write) => write.endsWith('LoginState'))).toEqual(['put LoginState']);
    expect(loginCookies()).toMatchObject([{ httpOnly: true, sameSite: 'lax', path: '/' }]);
  });

  it('never asks the identity provider about a client that the person refused (MCP 2026-07-28, Confused Deputy)', async () => {
    const browser = federation.browser();
    const page = await browser.get(federation.client.authorizeUrl());
    const refused = await federation.gateway.observe(() => browser.submit(page, 'csrf', { decision: 'deny' }));

    expect(callbackOf(refused.answer)).toMatchObject({ error: 'access_denied', state: 'the state' });
    expect(refused.writes.filter((write) => write.endsWith('LoginState'))).toEqual([]);
    expect(federation.idp.requests).toEqual([]);
  });

  it('sends the identity provider scope, state, nonce and a PKCE challenge, and no resource (RFC 9700 section 2.1.1, OpenID Connect Core section 3.1.2.1)', async () => {
    await federation.login();
    await federation.login();
    const [first, second] = requestsTo(federation, '/authorize').map(({ query }) => Object.fromEntries(query));

    const random = expect.stringMatching(/^[\w-]{43}$/);
    expect(first).toEqual({
      client_id: 'gateway',
      redirect_uri: `${federation.gateway.url}/oauth/callback`,
      response_type: 'code',
      scope: 'openid profile email',
      state: random,
      nonce: random,
      code_challenge: random,
      code_challenge_method: 'S256',
    });
    for (const name of ['state', 'nonce', 'code_challenge']) expect(second?.[name]).not.toBe(first?.[name]);
    expect(requestsTo(federation, '/token')[0]?.form.get('code_verifier')).toMatch(/^[\w-]{43}$/);
  });

  it.each([
    ['prompt=login', { prompt: 'login' }, { prompt: 'login' }],
    ['prompt=select_account as prompt=login', { prompt: 'select_account' }, { prompt: 'login' }],
    ['acr_values', { acr_values: 'urn:acme:mfa urn:acme:sms' }, { acr_values: 'urn:acme:mfa urn:acme:sms' }],
    ['max_age', { max_age: '600' }, { max_age: '600' }],
    ['login_hint', { login_hint: 'alice@acme.example' }, { login_hint: 'alice@acme.example' }],
  ])('passes on %s (OpenID Connect Core section 3.1.2.1)', async (_name, given, passedOn) => {
    await federation.approve(federation.browser(), given);
    expect(Object.fromEntries(requestsTo(federation, '/authorize')[0]?.query ?? [])).toMatchObject(passedOn);
  });

  it('keeps the identity provider’s tokens from the client, and takes none of them at the resource (MCP 2026-07-28, Token Passthrough)', async () => {
    const { idp, gateway, client } = federation;
    const foreign: string[] = [];
    idp.misbehave.token = (body) => {
      foreign.push(String(body.access_token), String(body.id_token));
      return body;
    };
    const tokens = await client.redeem(String((await federation.login()).code));

    expect(tokens.status).toBe(200);
    expect(foreign).toHaveLength(2);
    for (const token of foreign) {
      expect(tokens.text).not.toContain(token);
      const answer = await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status).toBe(401);
    }
  });
});

describe('endpoints by configuration', () => {
  /** The provider answers there as well, so a request shows which address was used. */
  const explicit = ({ issuer }: IdentityProvider) => ({
    url: `${issuer}/redirected/authorize`,
    tokenUrl: `${issuer}/redirected/token`,
    jwksUrl: `${issuer}/redirected/jwks`,
  });
  type Name = keyof ReturnType<typeof explicit>;
  const given = (names: readonly Name[]) => (idp: IdentityProvider) => {
    const { jwksUrl, ...browserLogin } = Object.fromEntries(names.map((name) => [name, explicit(idp)[name]]));
    return { oidc: { issuer: idp.issuer, ...(jwksUrl && { jwksUrl }) }, browserLogin };
  };

  it.each<[string, Name[], number]>([
    ['all three, without discovery', ['url', 'tokenUrl', 'jwksUrl'], 0],
    ['the authorization endpoint, the others by discovery', ['url'], 1],
    ['the token endpoint, the others by discovery', ['tokenUrl'], 1],
    ['the key set, the others by discovery', ['jwksUrl'], 1],
    ['all but the key set', ['url', 'tokenUrl'], 1],
  ])('are used as given: %s (seed, browserLogin)', async (_name, names, discoveries) => {
    await withFederation({ options: given(names) }, async (federation) => {
      expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');

      const used = (name: Name, path: string) => (names.includes(name) ? `/redirected${path}` : path);
      const paths = federation.idp.requests.map(({ path }) => path);
      expect(paths).toEqual(
        expect.arrayContaining([used('url', '/authorize'), used('tokenUrl', '/token'), used('jwksUrl', '/jwks')]),
      );
      expect(paths.filter((path) => path === DISCOVERY)).toHaveLength(discoveries);
    });
  });
});

describe('the seed’s example configuration', () => {
  /** facts/zuplo-parity.md section 3, as it stands on the policy page. */
  const example = () => ({
    oidc: {
      issuer: 'https://my-tenant.us.auth0.com/',
      jwksUrl: 'https://my-tenant.us.auth0.com/.well-known/jwks.json',
      audience: 'https://gateway.example.com',
    },
    browserLogin: {
      url: 'https://my-tenant.us.auth0.com/authorize',
      tokenUrl: 'https://my-tenant.us.auth0.com/oauth/token',
      clientSecret: process.env.MCP_OAUTH_CLIENT_SECRET as string,
      scope: 'openid profile email',
      remoteTimeoutMs: 10_000,
      stateTtlSeconds: 900,
      sessionTtlSeconds: 28_800,
    },
    gateway: { accessTokenTtlSeconds: 900, refreshTokenTtlSeconds: 2_592_000, cimdEnabled: true },
  });
  const before = process.env.MCP_OAUTH_CLIENT_SECRET;
  beforeAll(() => {
    process.env.MCP_OAUTH_CLIENT_SECRET = 'gateway-secret-of-at-least-32-bytes';
  });
  afterAll(() => {
    if (before === undefined) delete process.env.MCP_OAUTH_CLIENT_SECRET;
    else process.env.MCP_OAUTH_CLIENT_SECRET = before;
  });

  it('starts with the client id added (seed, policy page)', async () => {
    const { browserLogin, ...rest } = example();
    const options: McpOAuthOptions = {
      ...rest,
      browserLogin: { ...browserLogin, clientId: 'gateway' },
      storage: memoryStorage(),
    };
    const auth = mcpOAuth(options);
    await auth.close();

    expect(() => mcpOAuth({ ...rest, browserLogin, storage: memoryStorage() })).toThrow('browserLogin.clientId');
  });

  it('signs people in with the URLs of another provider, whose ID tokens name oidc.audience alone (seed, oidc.audience)', async () => {
    const options = ({ issuer, endpoints }: IdentityProvider) => {
      const { oidc, browserLogin, gateway } = example();
      return {
        oidc: { ...oidc, issuer, jwksUrl: endpoints.jwks },
        browserLogin: {
          ...browserLogin,
          url: endpoints.authorization,
          tokenUrl: endpoints.token,
          audience: 'https://api.example.com',
        },
        gateway,
      };
    };
    await withFederation({ options }, async (federation) => {
      federation.idp.misbehave.idToken = (claims, sign) => sign({ ...claims, aud: 'https://gateway.example.com' });

      expect((await federation.userOf((await federation.login()).code)).sub).toBe('alice');
      const [authorization] = requestsTo(federation, '/authorize');
      expect(authorization?.query.get('audience')).toBe('https://api.example.com');
      expect(authorization?.query.has('resource')).toBe(false);
    });
  });
});
