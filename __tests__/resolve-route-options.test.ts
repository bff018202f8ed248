import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../lib/errors.ts';
import { mcpOAuth, memoryStorage, staticHeaders } from '../lib/index.ts';
import type { RouteOptions } from '../lib/options.ts';
import { resolveAuthenticate } from '../lib/resolve-authenticate-options.ts';
import { resolveOptions } from '../lib/resolve-options.ts';
import { resolveProxy } from '../lib/resolve-route-options.ts';

const login = { oidc: { issuer: 'https://acme.okta.com' }, browserLogin: { clientId: 'c', clientSecret: 's' } };
const target = 'https://mcp.linear.app/mcp';

/** The message of the error that the work throws, without its heading; none where it throws none. */
function problemsOf(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
}

const problemsOfRoutes = (...routes: unknown[]) =>
  problemsOf(() => resolveOptions({ ...login, routes: routes as RouteOptions[] }, {}));

describe('defaults', () => {
  test('of authenticate: the scope mcp:tools, not the default resource, no origins besides the own', () => {
    const defaults = { scopes: ['mcp:tools'], default: false, allowedOrigins: [] };
    expect(resolveAuthenticate('/mcp', undefined)).toMatchObject(defaults);
    expect(resolveAuthenticate('/mcp', {})).toEqual(resolveAuthenticate('/mcp', undefined));
  });

  test('of proxy: the query goes along and a POST waits five minutes for the first byte', () => {
    expect(resolveProxy('/mcp', { target })).toMatchObject({
      scopes: ['mcp:tools'],
      default: false,
      allowedOrigins: [],
      target,
      forwardSearch: true,
      firstByteTimeoutMs: 300_000,
    });
  });

  test('of a route are those of authenticate, and with a target those of proxy', () => {
    const { routes } = resolveOptions({ ...login, routes: [{ path: '/mcp' }, { path: '/linear', target }] }, {});
    expect(routes).toEqual([
      { path: '/mcp', ...resolveAuthenticate('/mcp', undefined) },
      { path: '/linear', ...resolveProxy('/linear', { target }) },
    ]);
  });
});

describe('a path', () => {
  const rule = "path: must be an absolute path without query, fragment or trailing slash, such as '/mcp', got ";

  test.each(['/', '/mcp', '/a/b/c', '/mcp%20x', '/a.b/~c', '/v1:call', '/.hidden'])('may be %p', (path) => {
    expect(resolveAuthenticate(path, undefined).scopes).toEqual(['mcp:tools']);
  });

  test.each([
    ['no slash in front', 'mcp'],
    ['a trailing slash', '/mcp/'],
    ['a query', '/mcp?a=1'],
    ['a fragment', '/mcp#a'],
    ['an empty segment', '/a//b'],
    ['two slashes in front', '//mcp'],
    ['dot segments', '/a/../mcp'],
    ['encoded dot segments', '/a/%2e%2e/mcp'],
    ['a single dot', '/./mcp'],
    ['a backslash', '/a\\b'],
    ['space', '/a b'],
    ['a line feed', '/a\nb'],
    ['characters that a URL would encode', '/ü'],
    ['a whole URL', 'https://mcp.example.com/mcp'],
  ])('with %s is refused', (_what, path) => {
    expect(problemsOf(() => resolveAuthenticate(path, undefined))).toEqual([`${rule}string`]);
    expect(problemsOf(() => resolveProxy(path, { target }))).toEqual([`${rule}string`]);
    expect(problemsOfRoutes({ path })).toEqual([`routes[0].${rule}string`]);
  });

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['', 'empty string'],
    [5, 'number'],
    [['/mcp'], 'array'],
    [/mcp/, 'object'],
  ])('of another kind is refused: %p', (path, kind) => {
    expect(problemsOf(() => resolveAuthenticate(path as never, undefined))).toEqual([`${rule}${kind}`]);
  });
});

describe('problems', () => {
  test('of one call are told at once, under its name', () => {
    const options = {
      scopes: ['mcp:tools', 'with space'],
      displayName: '',
      default: 'yes',
      allowedOrigins: 'https://app.example.com',
      scope: 'mcp:tools',
    };
    expect(() => resolveAuthenticate('mcp', options as never)).toThrow(
      new ConfigurationError('authenticate(path, options)', [
        { option: 'scope', message: 'is not an option; did you mean scopes?' },
        {
          option: 'path',
          message: "must be an absolute path without query, fragment or trailing slash, such as '/mcp', got string",
        },
        { option: 'displayName', message: 'must be a non-empty string, got empty string' },
        { option: 'scopes', message: 'must be an array of scope tokens (RFC 6749 section 3.3), got array' },
        { option: 'default', message: 'must be a boolean, got string' },
        {
          option: 'allowedOrigins',
          message: "must be an array of origins such as 'https://app.example.com', got string",
        },
      ]),
    );
  });

  test('of a route stand under its place in the list, nearest names included', () => {
    expect(
      problemsOfRoutes(
        { path: '/a', scops: [] },
        { path: '/b', traget: target },
        { pth: '/c', target: 5, upstream: {}, forwardSearch: 1, firstByteTimeoutMs: -1 },
      ),
    ).toEqual([
      'routes[0].scops: is not an option; did you mean routes[0].scopes?',
      'routes[1].traget: is not an option; did you mean routes[1].target?',
      'routes[2].pth: is not an option; did you mean routes[2].path?',
      "routes[2].path: must be given, such as '/mcp'",
      "routes[2].target: must be an http(s) URL without user or fragment, such as 'https://mcp.linear.app/mcp', got number",
      'routes[2].upstream: must be made by staticHeaders(), userOAuth() or another of its kind, got object',
      'routes[2].forwardSearch: must be a boolean, got number',
      'routes[2].firstByteTimeoutMs: must be an integer from 0 to 3600000, got another number',
    ]);
  });

  test('of a route without target name what only a proxy can have', () => {
    const upstream = staticHeaders({ 'x-api-key': 'key' });
    expect(problemsOfRoutes({ path: '/a', upstream, forwardSearch: false, firstByteTimeoutMs: 5 })).toEqual(
      ['upstream', 'forwardSearch', 'firstByteTimeoutMs'].map(
        (name) => `routes[0].${name}: needs target: without it the request is handed on to the app`,
      ),
    );
  });

  test('name what only proxy knows where authenticate gets it', () => {
    expect(problemsOf(() => resolveAuthenticate('/mcp', { target } as never))).toEqual([
      expect.stringMatching(
        /^target: is not an option; known here: scopes, .+, default, allowedOrigins, identityProviders$/,
      ),
    ]);
  });

  test.each([
    ['undefined', undefined],
    ['null', null],
    ['array', []],
    ['string', target],
  ])('of proxy name %s instead of options, and the target that is missing', (kind, options) => {
    expect(problemsOf(() => resolveProxy('/mcp', options as never))).toEqual([
      `options: must be an object, got ${kind}`,
      "target: must be given, such as 'https://mcp.linear.app/mcp'",
    ]);
  });

  test('show no value: a target may hold a password, an upstream a key', () => {
    const hidden = 'hunter2-do-not-show';
    const message = [
      ...problemsOf(() => resolveProxy(`/${hidden} `, { target: `https://user:${hidden}@upstream.example` })),
      ...problemsOf(() => resolveProxy('/mcp', { target, upstream: hidden as never, scopes: [`"${hidden}"`] })),
      ...problemsOf(() => resolveProxy('/mcp', { target, displayName: [hidden] as never, allowedOrigins: [hidden] })),
    ].join('\n');
    expect(message.split('\n')).toHaveLength(6);
    expect(message).not.toContain(hidden);
  });
});

describe('values', () => {
  test.each([
    ['https', target, true],
    ['http to a host of the own', 'http://mcp.internal:8080/mcp', true],
    ['a query', 'https://upstream.example/mcp?tenant=1', true],
    ['a user', 'https://user@upstream.example/mcp', false],
    ['a fragment', 'https://upstream.example/mcp#a', false],
    ['another scheme', 'ws://upstream.example/mcp', false],
    ['a file', 'file:///etc/passwd', false],
    ['no scheme', 'upstream.example/mcp', false],
  ])('of target: %s (%p) is accepted: %p', (_what, given, accepted) => {
    expect(problemsOf(() => resolveProxy('/mcp', { target: given })).length).toBe(accepted ? 0 : 1);
  });

  test.each([
    ['https://app.example.com', true],
    ['http://localhost:5173', true],
    ['https://app.example.com/', false],
    ['https://app.example.com/path', false],
    ['https://APP.example.com', false],
    ['https://app.example.com:443', false],
    ['app.example.com', false],
    ['null', false],
    ['*', false],
    ['', false],
  ])('of allowedOrigins: %p is accepted: %p (RFC 6454 section 6.2)', (origin, accepted) => {
    expect(problemsOf(() => resolveAuthenticate('/mcp', { allowedOrigins: [origin] })).length).toBe(accepted ? 0 : 1);
  });

  test.each([
    ['mcp:tools', true],
    ['https://api.example.com/.default', true],
    ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~", true],
    ['with space', false],
    ['"quoted"', false],
    ['back\\slash', false],
    ['ünïcode', false],
    ['line\nfeed', false],
    ['', false],
  ])('of scopes: %p is accepted: %p (RFC 6749 section 3.3)', (scope, accepted) => {
    expect(problemsOf(() => resolveAuthenticate('/mcp', { scopes: [scope] })).length).toBe(accepted ? 0 : 1);
  });

  test.each([0, 3_600_000])('of firstByteTimeoutMs end at 0 and an hour: %d is accepted', (firstByteTimeoutMs) => {
    expect(resolveProxy('/mcp', { target, firstByteTimeoutMs }).firstByteTimeoutMs).toBe(firstByteTimeoutMs);
  });

  test.each([-1, 3_600_001, 0.5])('of firstByteTimeoutMs end at 0 and an hour: %d is refused', (firstByteTimeoutMs) => {
    expect(problemsOf(() => resolveProxy('/mcp', { target, firstByteTimeoutMs }))).toHaveLength(1);
  });
});

describe('declaring routes', () => {
  const auth = () => mcpOAuth({ ...login, issuer: 'http://127.0.0.1:3000', storage: memoryStorage() });

  test('by configuration and by call is one registry: the same path needs the same options', () => {
    const options = { ...login, issuer: 'http://127.0.0.1:3000', storage: memoryStorage() };
    const declared = mcpOAuth({ ...options, routes: [{ path: '/mcp', scopes: ['a', 'b'] }] });
    expect(problemsOf(() => declared.authenticate('/mcp', { scopes: ['a', 'b'] }))).toEqual([]);
    expect(problemsOf(() => declared.authenticate('/mcp', { scopes: ['b', 'a'] }))).toEqual([]);
    expect(problemsOf(() => declared.authenticate('/mcp', { scopes: ['b'] }))).toEqual([
      '/mcp: is declared already with other options; give the same options or another path',
    ]);
  });

  test('twice as default is refused, by call and by configuration', () => {
    const one = auth();
    one.authenticate('/a', { default: true });
    const message = ['/b: cannot be the default: /a is it already'];
    expect(problemsOf(() => one.proxy('/b', { target, default: true }))).toEqual(message);
    const routes = [
      { path: '/a', default: true },
      { path: '/b', default: true },
    ];
    expect(problemsOf(() => mcpOAuth({ ...login, storage: memoryStorage(), routes }))).toEqual(message);
  });
});
