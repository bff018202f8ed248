import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mcpOAuth, sqliteStorage } from '../../lib/index.ts';
import { moduleUrl, openWorkplace, type Workplace } from './workplace.ts';

const issuer = 'https://mcp.example.com';
const secret = 'a secret of these tests, long enough for everyone';

let workplace: Workplace;
beforeAll(async () => {
  workplace = await openWorkplace();
});
afterAll(() => workplace.remove());

const command: Workplace['command'] = (...args) => workplace.command(...args);
const config: Workplace['config'] = (name, text) => workplace.config(name, text);

const sqliteConfig = (file: string, more = '') =>
  config(
    `${file}.config.ts`,
    `import { sqliteStorage } from ${moduleUrl('lib/index.ts')};
export default { issuer: '${issuer}', oidc: { issuer: 'https://idp.example.com' }, browserLogin: { clientId: 'c', clientSecret: 's' },
  secret: '${secret}', storage: sqliteStorage('${file}')${more} };`,
  );

describe('express-mcp-auth', () => {
  it('tells its usage where it is not understood, and for --help', async () => {
    for (const args of [[], ['migrte', '--config', 'x.ts'], ['migrate'], ['migrate', '--confg', 'x.ts']]) {
      const { exitCode, stdout, stderr } = await command(...args);
      expect([args, exitCode, stdout]).toEqual([args, 2, '']);
      expect(stderr).toContain('Usage: express-mcp-auth <command>');
    }
    expect(await command('--help')).toMatchObject({
      exitCode: 0,
      stderr: '',
      stdout: expect.stringContaining('Usage:'),
    });
  });

  it('names what is wrong with the config file, without a stack', async () => {
    const missing = await command('migrate', '--config', 'missing.config.ts');
    expect([missing.exitCode, missing.stdout]).toEqual([1, '']);
    expect(missing.stderr).toMatch(/missing\.config\.ts/);
    const empty = await command('migrate', '--config', await config('empty.config.ts', 'export const options = {};'));
    expect(empty).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('the default export must be the options of mcpOAuth()'),
    });
    const wrong = await command('keys', 'rotate', '--config', await sqliteConfig('wrong', ', issuerr: 1'));
    expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('issuerr: is not an option') });
    for (const { stderr } of [missing, empty, wrong]) expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('express-mcp-auth migrate', () => {
  it('says where there is nothing to do', async () => {
    const file = await config('default.config.ts', `export default { issuer: '${issuer}' };`);
    expect(await command('migrate', '--config', file)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('nothing to migrate'),
    });
  });
});

describe('express-mcp-auth keys rotate', () => {
  it('publishes a new key beside the old one, once', async () => {
    const file = await sqliteConfig('keys.sqlite');
    const first = await command('keys', 'rotate', '--config', file);
    expect(first).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('A new signing key') });
    const again = await command('keys', 'rotate', '--config', file);
    expect(again).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('Nothing was rotated') });
    const auth = mcpOAuth({
      issuer,
      oidc: { issuer: 'https://idp.example.com' },
      browserLogin: { clientId: 'c', clientSecret: 's' },
      secret,
      storage: sqliteStorage(join(workplace.folder, 'keys.sqlite')),
    });
    expect(await auth.rotateKeys()).toEqual({ rotated: false });
    await auth.close();
  });
});
