import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../lib/errors.ts';
import { mcpOAuth, memoryStorage, sqliteStorage } from '../lib/index.ts';
import type { McpOAuthOptions } from '../lib/options.ts';
import { resolveOptions } from '../lib/resolve-options.ts';

const secret = 'a secret of these tests, long enough for everyone';
const login = { oidc: { issuer: 'https://acme.okta.com' }, browserLogin: { clientId: 'c', clientSecret: 's' } };
const lookup: NonNullable<McpOAuthOptions['outbound']>['lookup'] = (_host, _options, callback) => callback(null, []);

/** The options named in problems, each with the start of its message. */
function problemsOf(options: object, environment: NodeJS.ProcessEnv = {}): string[] {
  try {
    resolveOptions(options as McpOAuthOptions, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ option, message }) => `${option}: ${message}`);
  }
}

describe('production', () => {
  const environment = { NODE_ENV: 'production' };
  const storage = sqliteStorage('/nowhere/oauth.sqlite');
  const enough = { ...login, issuer: 'https://mcp.example.com', storage, secret };

  test('asks for issuer, storage and secret, all at once (DESIGN 4.12)', () => {
    expect(problemsOf(login, environment)).toEqual([
      "issuer: must be given in production, such as 'https://mcp.example.com'",
      "storage: must be named in production, such as sqliteStorage('/var/lib/mcp/oauth.sqlite')",
      'secret: must be given in production: at least 32 random characters, the same on every replica',
    ]);
    expect(problemsOf(login)).toEqual([]);
    expect(problemsOf(enough, environment)).toEqual([]);
  });

  test('is what NODE_ENV says exactly, and nothing else', () => {
    const names = ['development', 'test', 'Production', 'prod', ''].map((name) => ({ NODE_ENV: name }));
    expect(names.flatMap((name) => problemsOf(login, name))).toEqual([]);
  });

  test('refuses memory storage, wrapped too, unless its loss is acknowledged (DESIGN 4.12)', () => {
    const refused =
      'storage: is in memory and forgets every client and login at a restart: not in production, unless acknowledgeLoss is true';
    const outcome = (given: unknown) => problemsOf({ ...enough, storage: given }, environment);
    expect(outcome(memoryStorage())).toEqual([refused]);
    expect(outcome({ ...memoryStorage(), ping: async () => undefined })).toEqual([refused]);
    expect(outcome(memoryStorage({ acknowledgeLoss: false }))).toEqual([refused]);
    expect(outcome(memoryStorage({ acknowledgeLoss: 'yes' as never }))).toEqual([refused]);
    expect(outcome(memoryStorage({ acknowledgeLoss: true }))).toEqual([]);
    expect(problemsOf({ ...enough, storage: memoryStorage() })).toEqual([]);
  });

  test('takes a lookup of its own only where it is acknowledged; elsewhere it is free', () => {
    expect(problemsOf({ ...enough, outbound: { lookup } }, environment)).toEqual([
      'outbound.lookup: is refused in production unless allowCustomLookup is true',
    ]);
    expect(problemsOf({ ...enough, outbound: { lookup, allowCustomLookup: true } }, environment)).toEqual([]);
    expect(problemsOf({ ...enough, outbound: { lookup } })).toEqual([]);
  });
});

describe('the dev login', () => {
  const dev = (issuer: string | undefined, url: string, more: object = {}) => ({
    ...(issuer !== undefined && { issuer }),
    browserLogin: { url },
    ...more,
  });
  const misplaced =
    'browserLogin.url: is a dev login: it needs a loopback issuer and must be <issuer><gateway.basePath>/dev-login';

  test.each([
    ['a loopback issuer', 'http://127.0.0.1:3000', 'http://127.0.0.1:3000/oauth/dev-login', {}],
    ['a loopback issuer with a path', 'http://localhost/gw', 'http://localhost/gw/oauth/dev-login', {}],
    ['a loopback issuer on https', 'https://localhost', 'https://localhost/oauth/dev-login', {}],
    ['no issuer and a loopback address', undefined, 'http://127.0.0.1:3000/oauth/dev-login', {}],
    ['a moved base path', 'http://[::1]', 'http://[::1]/auth/dev-login', { gateway: { basePath: '/auth' } }],
  ])('needs no identity provider with %s', (_what, issuer, url, more) => {
    expect(resolveOptions(dev(issuer, url, more), {}).login).toEqual({ kind: 'dev' });
  });

  test.each([
    ['an issuer off loopback', 'https://mcp.example.com', 'https://mcp.example.com/oauth/dev-login'],
    ['another port than the issuer', 'http://127.0.0.1:3000', 'http://127.0.0.1:4000/oauth/dev-login'],
    ['another spelling of loopback than the issuer', 'http://127.0.0.1:3000', 'http://localhost:3000/oauth/dev-login'],
    ["a path outside the issuer's", 'http://localhost/gw', 'http://localhost/oauth/dev-login'],
    ['no issuer and a host off loopback', undefined, 'http://mcp.example.com/oauth/dev-login'],
    ['no issuer and an https host off loopback', undefined, 'https://mcp.example.com/oauth/dev-login'],
    ['no issuer and a private address', undefined, 'http://192.168.0.1/oauth/dev-login'],
  ])('is refused with %s (DESIGN 3)', (_what, issuer, url) => {
    expect(problemsOf(dev(issuer, url))).toEqual([misplaced]);
  });

  test('does not start in production, on loopback neither (DESIGN 3)', () => {
    const options = dev('http://127.0.0.1:3000', 'http://127.0.0.1:3000/oauth/dev-login', {
      storage: sqliteStorage('/nowhere/oauth.sqlite'),
      secret,
    });
    expect(problemsOf(options, { NODE_ENV: 'production' })).toEqual([
      'browserLogin.url: is the dev login, which does not start under NODE_ENV=production',
    ]);
    expect(problemsOf(options)).toEqual([]);
  });

  test.each([
    'http://127.0.0.1:3000/dev-login',
    'http://127.0.0.1:3000/oauth/dev-login/',
    'http://127.0.0.1:3000/oauth/dev-login?user=alice',
    'http://127.0.0.1:3000/oauth/devlogin',
  ])('is not what %s means: that is an identity provider, which is not described', (url) => {
    expect(problemsOf(dev('http://127.0.0.1:3000', url)).map((line) => line.split(':')[0])).toEqual([
      'oidc.issuer',
      'browserLogin.clientId',
      'browserLogin.clientSecret',
    ]);
  });
});

describe('the issuer', () => {
  test.each([
    'https://mcp.example.com/',
    'https://mcp.example.com?a',
    'https://mcp.example.com#a',
    'https://user:secret@mcp.example.com',
    'https://MCP.example.com',
    'https://mcp.example.com:443',
    'http://mcp.example.com',
    'mcp.example.com',
    '',
  ])('%p is refused with the rule (RFC 8414 sections 2 and 3.3)', (issuer) => {
    expect(problemsOf({ ...login, issuer })).toEqual([
      expect.stringMatching(
        /^issuer: must be an https URL without query, fragment or trailing slash .+, got .*string$/,
      ),
    ]);
  });

  test('is kept as it is written', () => {
    expect(resolveOptions({ ...login, issuer: 'https://mcp.example.com/gw' }, {}).issuer?.identifier).toBe(
      'https://mcp.example.com/gw',
    );
  });
});

describe('mcpOAuth() does no I/O (DESIGN 2)', () => {
  test('a storage that was given is not touched, neither by it nor by declaring routes', () => {
    const calls: string[] = [];
    const storage = Object.fromEntries(
      Object.entries(memoryStorage()).map(([name, method]) => [
        name,
        typeof method !== 'function' ? method : async () => void calls.push(name),
      ]),
    ) as never;
    const auth = mcpOAuth({ ...login, issuer: 'http://127.0.0.1:3000', storage, routes: [{ path: '/a' }] });
    auth.authenticate('/b');
    auth.proxy('/c', { target: 'https://upstream.example/mcp' });
    expect(calls).toEqual([]);
  });

  test('no file appears, nothing is printed, and the process ends by itself', () => {
    const directory = mkdtempSync(join(tmpdir(), 'no-io-'));
    const entry = new URL('../lib/index.ts', import.meta.url).href;
    const script = `import { mcpOAuth } from ${JSON.stringify(entry)};
      const auth = mcpOAuth({ browserLogin: { url: 'http://127.0.0.1:3000/oauth/dev-login' } });
      auth.authenticate('/mcp');`;
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: directory,
        encoding: 'utf8',
        timeout: 20_000,
      });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(readdirSync(directory)).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
