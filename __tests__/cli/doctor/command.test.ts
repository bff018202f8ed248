import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { run } from '../../../lib/cli/run.ts';
import { moduleUrl, openWorkplace, type Workplace } from '../workplace.ts';
import { changeJson } from './broken-front.ts';
import { type SoundDeployment, startDeployment } from './deployment.ts';

let workplace: Workplace;
let deployment: SoundDeployment;
/** No document of a real client is fetched here; slow machines have time. */
let usual: readonly string[];
beforeAll(async () => {
  [workplace, deployment] = await Promise.all([openWorkplace(), startDeployment()]);
  usual = ['--latency-ms', '600000', '--timeout-ms', '600000'];
});
afterAll(async () => {
  await deployment.close();
  await workplace.remove();
});

const doctor = (...args: string[]) => workplace.command('doctor', ...usual, ...args);

it('ends with 0 at a sound deployment, and says what it looked at', async () => {
  deployment.front.breakage = {};
  const token = join(workplace.folder, 'token');
  await writeFile(token, `${await deployment.accessToken()}\n`);
  const { exitCode, stdout, stderr } = await doctor(deployment.url, '--token-file', token);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^\d+ checks passed, 0 errors, 0 warnings$/m);
  expect(stdout).toContain(
    `note: redirect URI to register at the identity provider: ${deployment.front.origin}/oauth/callback`,
  );
});

it('ends with 1 where something is broken: what, whom it hurts, how to mend it and where to read more', async () => {
  deployment.front.breakage = changeJson(/oauth-authorization-server/, (document) => {
    document.code_challenge_methods_supported = [];
  });
  const { exitCode, stdout } = await doctor(deployment.url, '--only', 'pkce-s256,code-flow');
  expect(exitCode).toBe(1);
  const lines = stdout.trim().split('\n');
  const [what, hurts, mend, docs] = lines[0]?.split(' | ') ?? [];
  expect(what).toBe('error pkce-s256: code_challenge_methods_supported does not list S256');
  expect(hurts).toMatch(/^hurts: Zed/);
  expect(mend).toMatch(/^mend: \S/);
  expect(docs).toBe('docs/errors.md#doctor-pkce-s256');
  expect(lines.at(-1)).toBe('1 checks passed, 1 errors, 0 warnings');
});

it('gives one JSON document, and counts warnings only where it is told to', async () => {
  deployment.front.breakage = changeJson(/oauth-authorization-server/, (document) => {
    document.scopes_supported = [];
  });
  const args = [deployment.url, '--json', '--only', 'offline-access'];
  const lenient = await doctor(...args);
  const strict = await doctor(...args, '--strict');
  expect([lenient.exitCode, strict.exitCode]).toEqual([0, 1]);
  expect(JSON.parse(lenient.stdout)).toEqual({
    sound: true,
    findings: [
      {
        id: 'offline-access',
        severity: 'warning',
        what: 'scopes_supported of the server does not list offline_access',
        hurts: expect.any(String),
        mend: expect.any(String),
        docs: 'docs/errors.md#doctor-offline-access',
      },
    ],
    passed: [],
    skipped: [],
    notes: expect.any(Array),
  });
  expect(JSON.parse(strict.stdout).sound).toBe(false);
});

it('looks at a config file', async () => {
  const file = await workplace.config(
    'doctor.config.ts',
    `import { sqliteStorage } from ${moduleUrl('lib/index.ts')};
export default { issuer: 'http://127.0.0.1:3000', oidc: { issuer: '${deployment.identityProvider.issuer}' },
  browserLogin: { clientId: 'c', clientSecret: 's' }, secret: 'changeme-changeme-changeme-changeme', storage: sqliteStorage('doctor.sqlite') };`,
  );
  const { exitCode, stdout } = await doctor('--config', file);
  expect(exitCode).toBe(1);
  expect(stdout).toContain('error weak-secret: secret holds a word that guesses begin with');
  expect(stdout).toContain(
    'note: redirect URI to register at the identity provider: http://127.0.0.1:3000/oauth/callback',
  );
});

it('ends with 2 where it could not run', async () => {
  const closed = await doctor('http://127.0.0.1:1/mcp');
  expect(closed).toMatchObject({
    exitCode: 2,
    stdout: '',
    stderr: 'http://127.0.0.1:1 gives no answer: ECONNREFUSED\n',
  });
  const refused = [
    [],
    ['not a url'],
    [deployment.url, '--only', 'nothing'],
    [deployment.url, '--latency-ms', 'soon'],
    [deployment.url, deployment.url],
    ['--config', 'missing.config.ts'],
  ];
  for (const args of refused) {
    const lines: string[] = [];
    const exitCode = await run(['doctor', ...args], {
      out: (line) => lines.push(`out ${line}`),
      error: (line) => lines.push(line),
    });
    expect([args, exitCode]).toEqual([args, 2]);
    expect(lines.join('\n')).toMatch(/^(?:.+\nUsage: express-mcp-auth <command>|.*missing\.config\.ts)/);
  }
});
