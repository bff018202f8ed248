/** Clients from npm, run as their users run them: registration, sign-in, a tool call, a refresh, another tool call. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type Connect, connectV1, connectV2 } from '../helpers/sdk-clients.ts';
import { expectThat } from './client.ts';
import type { Fixture } from './fixture.ts';
import { type Recorded, type RecordingServer, recordedForm, startRecordingServer } from './recording.ts';

/** By fixture id: resolves with what the client sent. */
const realClients: Readonly<Record<string, () => Promise<Recorded>>> = {
  'sdk-v1': () => recording((server) => runSdk(server, connectV1)),
  'sdk-v2': () => recording((server) => runSdk(server, connectV2)),
  'mcp-remote': () => recording(runMcpRemote),
  'inspector-cli': () => recording(runInspectorCli),
};

/** Runs the client behind a fixture. @throws Error where it fails, or sends anything else than the fixture says */
export async function runRealClient(fixture: Fixture): Promise<void> {
  const run = realClients[fixture.id];
  if (!run) throw new Error(`${fixture.id} is called a real run, and there is none`);
  assert.deepStrictEqual(await run(), recordedForm(fixture), 'the client does not send what its fixture says');
}

const timeoutMs = 60_000;
const resolve = createRequire(import.meta.url).resolve;

async function recording(run: (server: RecordingServer) => Promise<void>): Promise<Recorded> {
  const server = await startRecordingServer();
  try {
    await run(server);
    return server.recorded;
  } finally {
    await server.close();
  }
}

async function runSdk(server: RecordingServer, connect: Connect): Promise<void> {
  const connection = await connect({ url: server.url });
  try {
    expectEcho('before', await connection.callTool('echo', { text: 'before' }));
    await server.expireAccessTokens();
    expectEcho('after', await connection.callTool('echo', { text: 'after' }));
  } finally {
    await connection.close();
  }
}

function expectEcho(expected: string, text: string): void {
  expectThat(text === expected, 'tool call', `answered ${text}`);
}

/** An empty home, and a BROWSER that signs in. */
async function withHome<Result>(run: (environment: Record<string, string>) => Promise<Result>): Promise<Result> {
  const home = await mkdtemp(join(tmpdir(), 'real-client-'));
  try {
    const browser = join(home, 'browser');
    const program = fileURLToPath(new URL('sign-in-program.ts', import.meta.url));
    await writeFile(browser, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
    await chmod(browser, 0o700);
    return await run({ PATH: process.env.PATH ?? '', HOME: home, BROWSER: browser });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** As an entry of a client's configuration starts it: an MCP server on stdio. */
async function runMcpRemote(server: RecordingServer): Promise<void> {
  await withHome(async (environment) => {
    const program = join(dirname(resolve('mcp-remote/package.json')), 'dist/proxy.js');
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [program, server.url, '--allow-http', '--transport', 'http-only'],
      env: { ...environment, MCP_REMOTE_CONFIG_DIR: join(environment.HOME ?? '', 'mcp-remote') },
      stderr: 'ignore',
    });
    const client = new Client({ name: 'stdio client', version: '1.0.0' });
    const echo = async (text: string) => {
      const { content } = await client.callTool({ name: 'echo', arguments: { text } });
      expectEcho(text, (content as { text: string }[]).map((part) => part.text).join(''));
    };
    try {
      await client.connect(transport, { timeout: timeoutMs });
      await echo('before');
      await server.expireAccessTokens();
      await echo('after');
    } finally {
      await client.close();
    }
  });
}

/** One command a call; the second finds the tokens of the first. */
async function runInspectorCli(server: RecordingServer): Promise<void> {
  await withHome(async (environment) => {
    const program = join(
      dirname(resolve('@modelcontextprotocol/inspector/package.json')),
      'clients/launcher/build/index.js',
    );
    const echo = async (text: string) => {
      const target = [
        '--server-url',
        server.url,
        '--transport',
        'http',
        '--callback-url',
        'http://127.0.0.1:0/oauth/callback',
      ];
      const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', `text=${text}`, '--format', 'json'];
      const { stdout } = await promisify(execFile)(process.execPath, [program, '--cli', ...target, ...call], {
        timeout: timeoutMs,
        env: { ...environment, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' },
      });
      const { result } = JSON.parse(stdout) as { result: { content: { text: string }[] } };
      expectEcho(text, result.content.map((part) => part.text).join(''));
    };
    await echo('before');
    await server.expireAccessTokens();
    await echo('after');
  });
}
