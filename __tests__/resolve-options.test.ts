import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../lib/errors.ts';
import { mcpOAuth } from '../lib/index.ts';
import { type ResolvedOptions, resolveOptions } from '../lib/resolve-options.ts';
import { memoryStorage } from '../lib/storage/memory.ts';

const secret = 'a secret of these tests, long enough for everyone';
const least = {
  oidc: { issuer: 'https://acme.okta.com' },
  browserLogin: { clientId: 'gateway', clientSecret: 'client-secret' },
};

function resolve(options: unknown): ResolvedOptions {
  return resolveOptions(options as never, {});
}

/** The lines under the heading of the one error; none where the options are accepted. */
function problemsOf(options: unknown): string[] {
  try {
    resolve(options);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [heading, ...lines] = error.message.split('\n');
    expect(heading).toBe('mcpOAuth(options):');
    expect(lines).toEqual(error.problems.map(({ option, message }) => `  ${option}: ${message}`));
    return lines.map((line) => line.trim());
  }
  return [];
}

/** The least options with members of one group over them. */
function over(group: string, members: object): object {
  const options: Record<string, object> = least;
  return { ...options, [group]: { ...options[group], ...members } };
}

describe('defaults', () => {
  test('are those of the seed (DESIGN 2)', () => {
    expect(resolve(least)).toMatchObject({
      issuer: undefined,
      login: {
        kind: 'oidc',
        issuer: 'https://acme.okta.com',
        jwksUrl: undefined,
        audiences: [],
        authorizationUrl: undefined,
        tokenUrl: undefined,
        clientId: 'gateway',
        clientAuthentication: { method: 'client_secret_post', clientSecret: 'client-secret' },
        scope: 'openid profile email',
        authorizationParameters: {},
        resource: undefined,
        offlineAccess: false,
        remoteTimeoutMs: 10_000,
      },
      stateTtlSeconds: 900,
      sessionTtlSeconds: 28_800,
      gateway: {
        accessTokenTtlSeconds: 900,
        refreshTokenTtlSeconds: 2_592_000,
        refreshGraceSeconds: 30,
        cimdEnabled: true,
        basePath: '/oauth',
        tokenCacheSeconds: 5,
      },
      routes: [],
      secrets: undefined,
      outbound: {},
      logger: undefined,
      configureProvider: undefined,
      isProduction: false,
    });
  });

  test('stand for members that are undefined, and never for false, zero or what was given', () => {
    const given = {
      accessTokenTtlSeconds: undefined,
      refreshTokenTtlSeconds: 60,
      cimdEnabled: false,
      tokenCacheSeconds: 0,
    };
    expect(resolve(over('gateway', given)).gateway).toMatchObject({
      accessTokenTtlSeconds: 900,
      refreshTokenTtlSeconds: 60,
      cimdEnabled: false,
      tokenCacheSeconds: 0,
    });
  });

  test('of production are the same, with what production requires (DESIGN 4.12)', () => {
    const storage = { ...memoryStorage(), isVolatile: false };
    const given = { ...least, issuer: 'https://mcp.example.com', storage, secret };
    const { isProduction, secrets, ...rest } = resolveOptions(given, { NODE_ENV: 'production' });
    expect([isProduction, secrets]).toEqual([true, [secret]]);
    expect(rest).toMatchObject({ storage, gateway: resolve(least).gateway, login: resolve(least).login });
  });
});

describe('the result', () => {
  test('is frozen in all its parts, and the objects of the caller are not', () => {
    const given = {
      ...least,
      issuer: 'https://mcp.example.com',
      storage: memoryStorage(),
      secret: [secret],
      logger: console,
      routes: [{ path: '/mcp' }],
    };
    const resolved = resolve(given);
    const { issuer, login, gateway, routes, secrets, outbound } = resolved;
    for (const part of [resolved, issuer, login, gateway, routes, routes[0], secrets, outbound])
      expect(Object.isFrozen(part)).toBe(true);
    const own = [given, given.storage, given.secret, given.logger, given.routes, given.routes[0], given.browserLogin];
    for (const object of own) expect(Object.isFrozen(object)).toBe(false);
  });

  test('does not change with the lists that were given', () => {
    const given = { ...least, secret: [secret], routes: [{ path: '/mcp', scopes: ['a'] }] };
    const { secrets, routes } = resolve(given);
    given.secret.push('changed');
    given.routes[0]?.scopes.push('b');
    expect(secrets).toEqual([secret]);
    expect(routes).toMatchObject([{ path: '/mcp', scopes: ['a'] }]);
  });
});

describe('problems', () => {
  test('are told all at once, in one error, each with option, rule and kind', () => {
    const wrong = {
      issuer: 'https://mcp.example.com/',
      oidc: { issuer: 'acme.okta.com', jwksUri: 'https://acme.okta.com/keys' },
      browserLogin: { clientId: 'gateway', clientSecret: 42, scope: 'profile', remoteTimeoutMs: '10s' },
      gateway: { acessTokenTtlSeconds: 900, refreshTokenTtlSeconds: 0, cimdEnabled: 'no', basePath: 'oauth/' },
      routes: [{ path: '/mcp', scops: ['a'] }, { target: 'https://mcp.linear.app/mcp' }],
      secret: 'short',
      outbound: { lookup: true },
      logger: { info: () => undefined },
      configureProvider: {},
      storag: {},
    };
    expect(problemsOf(wrong)).toEqual([
      'storag: is not an option; did you mean storage?',
      'issuer: must be an https URL without query, fragment or trailing slash (http is allowed on loopback), got string',
      'gateway.acessTokenTtlSeconds: is not an option; did you mean gateway.accessTokenTtlSeconds?',
      'gateway.refreshTokenTtlSeconds: must be an integer from 1 to 31536000, got another number',
      'gateway.cimdEnabled: must be a boolean, got string',
      "gateway.basePath: must be a path such as '/oauth': one or more segments of letters, digits, '-', '_' and '.', not under /.well-known, got string",
      'oidc.jwksUri: is not an option; did you mean oidc.jwksUrl?',
      'oidc.issuer: must be an http(s) URL without user or fragment, got string',
      'browserLogin.clientSecret: must be a non-empty string, got number',
      'browserLogin.remoteTimeoutMs: must be an integer from 100 to 60000, got string',
      "browserLogin.scope: must include 'openid'",
      'routes[0].scops: is not an option; did you mean routes[0].scopes?',
      "routes[1].path: must be given, such as '/mcp'",
      'secret: must be a string of at least 32 characters, or an array of such, got string',
      'outbound.lookup: must be a function, got boolean',
      'logger: must have the methods debug, info, warn and error, got object without debug, warn, error',
      'configureProvider: must be a function, got object',
    ]);
  });

  test('of mcpOAuth() are thrown at once, before any request', () => {
    expect(() => mcpOAuth({} as never)).toThrow(ConfigurationError);
    expect(() => mcpOAuth({} as never)).toThrow(/^mcpOAuth\(options\):\n {2}oidc\.issuer: must be given/);
  });

  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an array', [], 'array'],
    ['text', 'https://mcp.example.com', 'string'],
  ])('of %s instead of options say what is missing as well', (_what, options, kind) => {
    expect(problemsOf(options)).toEqual([
      `options: must be an object, got ${kind}`,
      "oidc.issuer: must be given: your identity provider's issuer, such as 'https://acme.okta.com'",
      'browserLogin.clientId: must be given: the client registered at your identity provider',
      'browserLogin.clientSecret: must be given: the client registered at your identity provider',
    ]);
  });

  test.each(['oidc', 'browserLogin', 'gateway', 'outbound'])('name %s where it is no object', (group) => {
    const kinds = [null, [], 'text', 5].map((value) => problemsOf({ ...least, [group]: value })[0]);
    expect(kinds).toEqual(
      ['null', 'array', 'string', 'number'].map((kind) => `${group}: must be an object, got ${kind}`),
    );
  });

  test.each([
    [{ routes: {} }, 'routes: must be an array, got object'],
    [{ routes: [null] }, 'routes[0]: must be an object, got null'],
    [{ routes: [undefined] }, 'routes[0]: must be an object, got undefined'],
    [{ storage: null }, 'storage: must be a Storage, got null without get, put, create,'],
    [{ storage: 'redis://' }, 'storage: must be a Storage, got string without get, put, create,'],
    [{ storage: { ...memoryStorage(), take: 1 } }, 'storage: must be a Storage, got object without take'],
    [{ logger: null }, 'logger: must have the methods debug, info, warn and error, got null without debug,'],
    [{ logger: () => undefined }, 'logger: must have the methods debug, info, warn and error, got function without'],
    [{ secret: [] }, 'secret: must be a string of at least 32 characters, or an array of such, got array'],
    [{ secret: [secret, 'x'] }, 'secret: must be a string of at least 32 characters, or an array of such, got array'],
    [{ secret: null }, 'secret: must be a string of at least 32 characters, or an array of such, got null'],
    [{ issuer: null }, 'issuer: must be an https URL'],
    [{ outbound: { ca: '' } }, 'outbound.ca: must be a'],
    [{ outbound: { ca: [1] } }, 'outbound.ca: must be an array of non-empty strings, got array'],
  ])('are told for %j', (wrong, line) => {
    expect(problemsOf({ ...least, ...wrong })).toContainEqual(expect.stringContaining(line));
  });

  test('show no value, which may be a secret, whatever stands in the wrong place', () => {
    const hidden = 'hunter2-do-not-show';
    const list = [hidden];
    const wrongs = [
      'issuer',
      'storage',
      'secret',
      'logger',
      'configureProvider',
      'routes',
      'oidc',
      'gateway',
      'outbound',
    ];
    const messages = [
      ...wrongs.flatMap((name) =>
        [hidden, list, { toString: () => hidden }].map((value) => ({ ...least, [name]: value })),
      ),
      over('oidc', { issuer: hidden, jwksUrl: hidden, audience: list }),
      over('oidc', { issuer: `https://user:${hidden}@idp.example` }),
      over('browserLogin', { url: hidden, tokenUrl: hidden, clientId: list, clientSecret: list, scope: hidden }),
      over('browserLogin', { remoteTimeoutMs: hidden, stateTtlSeconds: list, sessionTtlSeconds: { hidden } }),
      over('gateway', { accessTokenTtlSeconds: hidden, basePath: hidden, cimdEnabled: hidden }),
      { ...least, routes: [{ path: hidden, target: hidden, upstream: hidden, scopes: [`${hidden} "`] }] },
    ].map((options) => problemsOf(options).join('\n'));
    expect(messages.filter((message) => message === '')).toEqual([]);
    expect(messages.join('\n')).not.toContain(hidden);
  });
});
