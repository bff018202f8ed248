import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importZuplo } from '../../../lib/cli/import-zuplo/config.ts';
import { oauthPolicyTypes } from '../../../lib/cli/import-zuplo/identity.ts';
import { run } from '../../../lib/cli/run.ts';
import { compilerArguments, installPackage } from '../installed-package.ts';
import { openWorkplace, type Workplace } from '../workplace.ts';

const fixture = (name: string) => new URL(name, import.meta.url);
const policiesDocument = JSON.parse(readFileSync(fixture('policies.json'), 'utf8'));
const routesDocument = JSON.parse(readFileSync(fixture('routes.oas.json'), 'utf8'));

interface Entry {
  readonly name: string;
  readonly policyType: string;
  readonly handler: { readonly options: Record<string, unknown> };
}
const policies: Entry[] = policiesDocument.policies;

let workplace: Workplace;
beforeAll(async () => {
  workplace = await openWorkplace();
  await installPackage(workplace.folder);
});
afterAll(() => workplace.remove());

const node = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd: workplace.folder });

/** Everything that a config file reads from the environment, with values that its options accept. */
function environmentOf(text: string): Record<string, string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const special: Record<string, string> = {
    OKTA_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    NOTION_MCP_URL: 'https://mcp.notion.com/mcp',
    SESSION_SECONDS: '3600',
    MCP_OAUTH_SECRET: 'kZ8vQ2mX4tR7wB1nJ6yH3cL9sF5dG0aPeUiT',
  };
  const names = [...text.matchAll(/process\.env\.(\w+)/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, special[name] ?? `value-of-${name.toLowerCase()}`]));
}

/** Starts a server with a config file and asks it. */
const serverProgram = `
import { createServer } from 'node:http';
import express from ${JSON.stringify(import.meta.resolve('express'))};
import { mcpOAuth } from 'express-mcp-auth';
const [file, environment, ...paths] = process.argv.slice(2);
const app = express();
const server = createServer(app);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = 'http://127.0.0.1:' + server.address().port;
Object.assign(process.env, JSON.parse(environment), { MCP_OAUTH_ISSUER: issuer });
const { default: options } = await import(file);
app.use(mcpOAuth(options));
const answers = {};
for (const path of paths) {
  const answer = await fetch(issuer + path);
  answers[path] = { status: answer.status, body: (await answer.text()).replaceAll(issuer, 'ISSUER') };
}
console.log(JSON.stringify(answers));
process.exit(0);
`;

async function start(file: string, environment: Record<string, string>, paths: readonly string[]) {
  await writeFile(join(workplace.folder, 'server.mjs'), serverProgram);
  const { stdout } = await node('server.mjs', file, JSON.stringify(environment), ...paths);
  return JSON.parse(stdout) as Record<string, { status: number; body: string }>;
}

describe('express-mcp-auth import zuplo', () => {
  it('has each of the twelve MCP OAuth policy types in its fixture', () => {
    expect(oauthPolicyTypes).toHaveLength(12);
    const types = policies.map(({ policyType }) => policyType);
    expect(oauthPolicyTypes.filter((type) => !types.includes(type))).toEqual([]);
  });

  it('writes a config file that type-checks and starts, and says what has no equivalent', async () => {
    const files = ['policies.json', 'routes.oas.json'].map((name) => fixture(name).pathname);
    const { exitCode, stdout, stderr } = await workplace.command('import', 'zuplo', ...files);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('no equivalent: any-provider: the option consentLogo has no equivalent\n');
    expect(stdout).toMatch(
      /^mcp-oauth\.config\.ts is written: 12 things have no equivalent, \d+ are to be looked at\.$/m,
    );

    const text = await readFile(join(workplace.folder, 'mcp-oauth.config.ts'), 'utf8');
    for (const line of stdout.matchAll(/^(?:no equivalent|look at): (.*)$/gm))
      expect(text).toContain(` * - ${line[1]}\n`);
    const single = importZuplo({ policies: [policies.find(({ name }) => name === 'auth0')] }, undefined).text;
    await writeFile(join(workplace.folder, 'single.config.ts'), single);
    await node(...compilerArguments(['mcp-oauth.config.ts', 'single.config.ts'])).catch(({ stdout: problems }) => {
      throw new Error(problems);
    });

    const document = (path: string) => `/.well-known/oauth-protected-resource${path}`;
    const paths = ['/linear', '/notion', '/basic', '/search', '/open'].flatMap((path) => [path, document(path)]);
    const answers = await start('./mcp-oauth.config.ts', environmentOf(text), [...paths, '/oauth/jwks']);
    expect(Object.values(answers).map(({ status }) => status)).toEqual([...Array(5).fill([401, 200]).flat(), 200]);
    expect(JSON.parse(answers[document('/linear')]?.body ?? '')).toMatchObject({
      resource: 'ISSUER/linear',
      resource_name: 'Linear',
    });
  });

  it('reads the environment where Zuplo did, and names what is not set', async () => {
    const { text } = importZuplo(policiesDocument, routesDocument);
    const references = [
      ...JSON.stringify([policiesDocument, routesDocument]).matchAll(/\$env\((\w+)\)|\$\{env\.(\w+)\}/g),
    ];
    const names = new Set(references.map(([, first, second]) => first ?? second ?? ''));
    names.delete(''); // References of policies that no route uses are nowhere.
    expect(names.size).toBeGreaterThan(15);
    for (const name of names) expect(text).toContain(`required('${name}', process.env.${name})`);
    expect(text).not.toMatch(/\$env\(|\$\{env\./);

    await writeFile(join(workplace.folder, 'unset.config.ts'), text);
    await expect(node('unset.config.ts')).rejects.toThrow('the environment variable MCP_OAUTH_ISSUER is not set');
  });

  it.each(
    policies
      .filter(({ policyType }) => oauthPolicyTypes.includes(policyType))
      .map((policy) => [policy.policyType, policy] as const),
  )('takes over every option of %s', (type, policy) => {
    const { text, report } = importZuplo({ policies: [policy] }, undefined);
    expect(report.left.filter((line) => !line.includes('consentLogo'))).toEqual([]);
    expect(text).not.toContain('identityProviders');
    const preset = /^mcp-(\w+)-oauth-inbound$/.exec(type)?.[1];
    if (preset !== undefined && type !== 'mcp-oauth-inbound') expect(text).toContain(`...${preset}({`);
    const values = JSON.stringify(policy.handler.options).match(/(?<=:)"[^"$]+"|(?<=:)\d+/g) ?? [];
    const wanted = values.map((value) => value.replaceAll('"', '')).filter((value) => !value.includes('logo.png'));
    expect(wanted.filter((value) => !text.includes(value))).toEqual([]);
  });

  it('knows a policy by its class, and by a type without its suffix', () => {
    const options = { oktaDomain: 'acme.okta.com', clientId: 'c', clientSecret: 's' };
    for (const entry of [
      { policyType: 'mcp-okta-oauth', handler: { options } },
      { policyType: 'whatever', handler: { export: 'McpOktaOAuthInboundPolicy', options } },
    ])
      expect(importZuplo({ policies: [{ name: 'login', ...entry }] }, undefined).text).toContain('...okta({');
  });

  it('lets nothing through where a rule was code, and says so', () => {
    const { text, report } = importZuplo(policiesDocument, routesDocument);
    expect(text).toContain("default: 'deny'");
    expect(report.left).toContainEqual(
      expect.stringMatching(/^tools-by-function: its rule is a function: nothing is let through/),
    );
  });

  it('runs nothing of the files: their text stays text', async () => {
    const evil = "'; process.exit(7); //`$" + '{process.exit(8)}\n*/ process.exit(9); \\';
    const handler = {
      options: {
        oidc: { issuer: `${evil}$env(EVIL)${evil}` },
        browserLogin: { clientId: evil, clientSecret: '$env(EVIL)', scope: '$' + '{env.EVIL}' },
        [evil]: 1,
      },
    };
    const { text } = importZuplo({ policies: [{ name: evil, policyType: 'mcp-oauth-inbound', handler }] }, undefined);
    await writeFile(join(workplace.folder, 'evil.config.ts'), text);
    const program = `
Object.assign(process.env, { EVIL: 'value', MCP_OAUTH_ISSUER: 'i', MCP_OAUTH_SECRET: 's' });
const { default: { oidc, browserLogin } } = await import('./evil.config.ts');
console.log(JSON.stringify({ oidc, browserLogin }));`;
    await writeFile(join(workplace.folder, 'evil.mjs'), program);
    const { stdout } = await node('evil.mjs');
    expect(JSON.parse(stdout)).toEqual({
      oidc: { issuer: `${evil}value${evil}` },
      browserLogin: { clientId: evil, clientSecret: 'value', scope: 'value' },
    });
  });

  it('refuses what are no files of Zuplo, and a result that is there already', async () => {
    await writeFile(join(workplace.folder, 'empty.json'), '{}');
    await writeFile(join(workplace.folder, 'taken.config.ts'), 'mine');
    const attempt = async (...args: string[]) => {
      const lines: string[] = [];
      const exitCode = await run(['import', 'zuplo', ...args], { out: () => {}, error: (line) => lines.push(line) });
      return [exitCode, lines.join('\n')];
    };
    const empty = join(workplace.folder, 'empty.json');
    expect(await attempt(empty)).toEqual([1, 'TypeError: the policies file has no array "policies"']);
    expect(await attempt(fixture('policies.json').pathname, empty)).toEqual([
      1,
      'TypeError: the routes file has no object "paths"',
    ]);
    const taken = await attempt(fixture('policies.json').pathname, '--out', join(workplace.folder, 'taken.config.ts'));
    expect(taken).toEqual([1, expect.stringContaining('EEXIST')]);
    expect(await readFile(join(workplace.folder, 'taken.config.ts'), 'utf8')).toBe('mine');
    expect(await attempt()).toEqual([2, expect.stringContaining('import zuplo needs a policies file')]);
  });
});
