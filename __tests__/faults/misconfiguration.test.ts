import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError, type McpOAuthOptions, mcpOAuth, memoryStorage, sqliteStorage } from '../../lib/index.ts';
import { record } from './rounds.ts';

const sound: McpOAuthOptions = {
  issuer: 'https://mcp.example.com',
  oidc: { issuer: 'https://idp.example.com' },
  browserLogin: { clientId: 'gateway', clientSecret: 'the secret of the gateway' },
  secret: 'a secret of production, long enough for everyone',
  storage: sqliteStorage('/nonexistent/oauth.sqlite'),
};
const without = (name: keyof McpOAuthOptions) => ({ ...sound, [name]: undefined }) as unknown as McpOAuthOptions;

const cases: readonly (readonly [name: string, options: McpOAuthOptions, option: string])[] = [
  ['no secret', without('secret'), 'secret'],
  ['a short secret', { ...sound, secret: 'short' }, 'secret'],
  ['a short previous secret', { ...sound, secret: [String(sound.secret), 'short'] }, 'secret'],
  ['no issuer', without('issuer'), 'issuer'],
  ['an http issuer off loopback', { ...sound, issuer: 'http://mcp.example.com' }, 'issuer'],
  ['no storage', without('storage'), 'storage'],
  ['memory storage', { ...sound, storage: memoryStorage() }, 'storage'],
  ['the dev login', { ...sound, browserLogin: { url: 'https://mcp.example.com/oauth/dev-login' } }, 'browserLogin'],
  ['a lookup of its own', { ...sound, outbound: { lookup: (() => {}) as never } }, 'outbound'],
];

describe('under NODE_ENV=production (F-42)', () => {
  const { NODE_ENV } = process.env;
  beforeEach(() => {
    process.env.NODE_ENV = 'production';
  });
  afterEach(() => {
    process.env.NODE_ENV = NODE_ENV;
  });
  let refused = 0;
  afterAll(() =>
    record('F-42', 'process', `${refused} of ${cases.length} misconfigurations refused at the start, each named`),
  );

  it('sound settings start', async () => {
    await mcpOAuth(sound).close();
  });

  it.each(cases)('%s is refused, and named', (_name, options, option) => {
    const start = () => mcpOAuth(options);
    expect(start).toThrow(ConfigurationError);
    expect(start).toThrow(new RegExp(`^\\s+${option}`, 'm'));
    expect(start).not.toThrow(/short\b.*short|the secret of the gateway/);
    refused += 1;
  });

  it('the process ends with an exit code, and one line for each problem', () => {
    const entry = new URL('../../lib/index.ts', import.meta.url).href;
    const script = `import { mcpOAuth } from ${JSON.stringify(entry)}; mcpOAuth({ issuer: 'http://mcp.example.com' });`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, NODE_ENV: 'production' },
    });
    expect(status).not.toBe(0);
    const lines = stderr.split('\n').filter((line) => /^ {2}(issuer|secret|storage): /.test(line));
    expect(lines.map((line) => line.trim().split(':')[0]).toSorted()).toEqual(['issuer', 'secret', 'storage']);
  });
});
