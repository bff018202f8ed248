import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { mcpOAuth, memoryStorage } from '../../lib/index.ts';

const login = { issuer: 'http://127.0.0.1:3000', browserLogin: { url: 'http://127.0.0.1:3000/oauth/dev-login' } };

it('auth.close() leaves a storage open that the app gave', async () => {
  let closings = 0;
  const storage = memoryStorage();
  const given = {
    ...storage,
    async close() {
      closings += 1;
    },
  };
  const auth = mcpOAuth({ ...login, storage: given });
  await auth.ready();
  await auth.close();
  expect(closings).toBe(0);
  await given.ping();
});

it('auth.close() closes the file that it opened itself', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ownership-'));
  const entry = new URL('../../lib/index.ts', import.meta.url).href;
  const script = `import { readdirSync } from 'node:fs';
    import { mcpOAuth } from ${JSON.stringify(entry)};
    const auth = mcpOAuth(${JSON.stringify(login)});
    auth.events.on('configuration.warning', () => {});
    await auth.ready();
    const open = readdirSync('.');
    await auth.close();
    console.log(JSON.stringify({ open, closed: readdirSync('.') }));`;
  try {
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    // The last connection that is closed takes SQLite's log with it.
    expect(JSON.parse(stdout)).toEqual({
      open: expect.arrayContaining(['.mcp-oauth.sqlite', '.mcp-oauth.sqlite-wal']),
      closed: ['.mcp-oauth.sqlite'],
    });
    expect(readdirSync(folder)).toEqual(['.mcp-oauth.sqlite']);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 90_000);
