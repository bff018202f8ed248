/** A newcomer's hour: an empty folder, the packed tarball, and nothing but what the README says. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadFixtures } from '../compatibility/fixture.ts';
import { replayAt } from '../compatibility/replay.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = await readFile(join(root, 'README.md'), 'utf8');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const limitMs = 240_000;

const blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
  language,
  code,
}));
const blockWith = (language: string, text: string) =>
  blocks.find((block) => block.language === language && block.code.includes(text))?.code ?? '';

const installation = blockWith('sh', 'npm init -y');
const program = blockWith('js', '// server.mjs');
const start = blockWith('sh', 'node server.mjs').trim();
const connections = blockWith('sh', 'claude mcp add');

let folder: string;
let origin: string;
let server: ChildProcess;
let printed = '';

function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_ENV$)/.test(name));
  return Object.fromEntries(inherited);
}

const shell = (cwd: string, command: string) =>
  promisify(execFile)('bash', ['-euc', command], { cwd, env: environment(), timeout: limitMs });

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

async function pack(): Promise<string> {
  const checkout = join(folder, 'checkout');
  await mkdir(checkout);
  const names = ['lib', 'adapters', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of [...names, 'README.md', 'LICENSE', 'CHANGELOG.md'])
    await cp(join(root, name), join(checkout, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'), 'dir');
  await shell(checkout, `npm pack --pack-destination '${folder}'`);
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}

/** The README's server in the newcomer's folder, on another port than its 3000, which may be taken here. */
async function startServer(cwd: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const port = await freePort();
    await writeFile(join(cwd, 'server.mjs'), program.replaceAll('3000', String(port)));
    server = spawn('bash', ['-euc', `exec ${start}`], { cwd, env: environment() });
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (data) => {
        printed += data;
      });
    origin = `http://127.0.0.1:${port}`;
    while (server.exitCode === null) {
      const isUp = await fetch(`${origin}/mcp`).then(
        ({ status }) => status === 401,
        () => false,
      );
      if (isUp) return;
      await pause(50);
    }
  }
  throw new Error(`the server of the README does not start: ${printed}`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'newcomer-'));
  const tarball = await pack();
  const cwd = join(folder, 'hello');
  await mkdir(cwd);
  // As a registry would give it, were it published.
  await shell(cwd, installation.replace(/\bexpress-mcp-auth\b/, `'${tarball}' --prefer-offline --no-audit --no-fund`));
  await startServer(cwd);
}, limitMs);

afterAll(async () => {
  if (server?.exitCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
});

describe('the first screen of the README', () => {
  it('is a server of at most 20 lines of code', () => {
    const lines = program.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'));
    expect(lines.length).toBeLessThanOrEqual(20);
    expect(readme.slice(0, readme.indexOf(program)).split('\n').length).toBeLessThan(15);
  });

  it('names the clients that are replayed here, with the address of its server', () => {
    const lines = connections.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['claude', 'code', 'npx']);
    for (const line of lines) expect(line).toContain('http://127.0.0.1:3000/mcp');
  });
});

describe('a newcomer who does what it says', () => {
  it.each(
    loadFixtures()
      .filter(({ id }) =>
        ['claude-code-registration', 'vscode-registration', 'inspector-cli', 'inspector-web'].includes(id),
      )
      .map((fixture) => [`${fixture.client} (${fixture.id})`, fixture] as const),
  )(
    'connects %s: sign-in, tokens, a tool call, a refresh, another tool call',
    async (_name, fixture) => {
      await replayAt(
        {
          mcpUrl: `${origin}/mcp`,
          async callTool(client, mcpUrl, token) {
            expect(await client.callTool(mcpUrl, token, 'whoami')).toMatch(/^You are \w/);
          },
        },
        fixture,
      );
    },
    60_000,
  );

  it('sees nothing printed but the notice that a secret was made', () => {
    expect(
      printed
        .replace(/^.*MCP_OAUTH_SECRET_GENERATED.*$|^\(Use `node --trace-warnings.*$|^.*ExperimentalWarning.*$/gm, '')
        .trim(),
    ).toBe('');
  });
});
