import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bases, type Fixture, loadFixtures, nameOf, problemsOf } from './fixture.ts';
import { runRealClient } from './real-clients.ts';
import { type ReplayHosts, replay, startReplayHosts } from './replay.ts';
import { passed, renderTable, replaceTable } from './table.ts';

const fixtures = loadFixtures();
const named = fixtures.map((fixture) => ({ name: nameOf(fixture), fixture }));
const fixtureOf = (id: string) => fixtures.find((fixture) => fixture.id === id) as Fixture;

let hosts: ReplayHosts;
beforeAll(async () => {
  hosts = await startReplayHosts(fixtures);
});
afterAll(() => hosts.close());

describe('replayed', () => {
  it.each(named)(
    '$name comes from the bare URL to a tool call, and through a refresh to another (MCP 2026-07-28, Authorization Flow Steps)',
    async ({ fixture }) => {
      await expect(replay(fixture, hosts)).resolves.toBeUndefined();
    },
  );

  it('refuses the redirect URI of opencode versions that use another path than their document lists (RFC 8252 section 7.3, opencode#50510)', async () => {
    const fixture = fixtureOf('opencode-document-mismatch');
    if (fixture.identity.kind !== 'metadata document') throw new TypeError('the fixture has no document');
    const { pinned: _, ...published } = fixture.identity;

    await expect(replay({ ...fixture, identity: published }, hosts)).rejects.toThrow(
      /^400 .*The application asked for an unregistered address/,
    );
  });

  it('refuses a page at an origin that the route does not allow (MCP 2025-11-25, Streamable HTTP, Security Warning)', async () => {
    const { allowedOrigins: _, ...fixture } = fixtureOf('mcpjam-document');

    await expect(replay(fixture, hosts)).rejects.toThrow(/^discovery: the preflight answered 403$/);
  });
});

describe('run for real', () => {
  it.each(named.filter(({ fixture }) => fixture.basis === 'real run'))(
    '$name registers, signs in, calls a tool and refreshes, and sends what its fixture says',
    async ({ fixture }) => {
      await expect(runRealClient(fixture)).resolves.toBeUndefined();
    },
  );

  it('calls only those a real run that run', async () => {
    const impostor = { ...fixtureOf('sdk-v1'), id: 'zed-document' };

    await expect(runRealClient(impostor)).rejects.toThrow(/is called a real run, and there is none/);
  });

  it('fails for a fixture that differs from what the client sends', async () => {
    const fixture = fixtureOf('sdk-v1');
    const outdated = { ...fixture, refresh: { ...fixture.refresh, scope: '{scope}' } };

    await expect(runRealClient(outdated)).rejects.toThrow(/does not send what its fixture says/);
  });
});

describe('docs/clients.md', () => {
  const read = () => readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8');
  const outcomes = Object.fromEntries(fixtures.map(({ id }) => [id, passed]));

  it('holds the table that the fixtures give (renew it with `npm run compatibility`)', async () => {
    const document = await read();

    expect(document).toBe(replaceTable(document, renderTable(fixtures, outcomes)));
  });

  it.each([
    'Claude (web, Desktop, mobile, Cowork; metadata document)',
    'Claude (web, Desktop, mobile, Cowork; registration)',
    'Claude Code (metadata document)',
    'Claude Code (registration)',
    'ChatGPT (registration)',
    'ChatGPT (metadata document, with a key)',
    'ChatGPT (metadata document, without a key)',
    'Codex (registration)',
    'Codex (metadata document)',
    'Cursor (3.10 and later; registration)',
    'VS Code (metadata document)',
    'VS Code (registration)',
    'Copilot CLI (registration)',
    'Copilot CLI (metadata document)',
    'Copilot Studio',
    'Windsurf',
    'Gemini CLI',
    'Goose',
    'LibreChat',
    'Zed (metadata document)',
    'Zed (registration)',
    'opencode (metadata document)',
    'opencode (registration)',
    'Kiro',
    'n8n (registration)',
    'n8n (typed client id)',
    'mcp-remote (0.15.1)',
    'MCP Inspector (web)',
    'MCP Inspector (CLI, 2.12.0)',
    'MCPJam',
    'TypeScript SDK (v1, 1.32.2)',
    'TypeScript SDK (v2, 2.4.0)',
  ])('has a row with a basis for %s', async (name) => {
    const row = (await read()).split('\n').find((line) => line.startsWith(`| ${name} |`));

    expect(bases.some((basis) => row?.includes(` | ${basis} [1](https://`))).toBe(true);
    expect(row).toContain(` | ${passed} | `);
  });

  it('has a set-up section for every client that is replayed', async () => {
    const headings = [...(await read()).matchAll(/^### (.+)$/gm)].map(([, heading]) => heading ?? '');

    const missing = fixtures.filter(({ client }) => !headings.some((heading) => heading.includes(client)));
    expect(missing.map(nameOf)).toEqual([]);
  });
});

describe('the schema', () => {
  const { id: _, ...sound } = fixtureOf('claude-code-document');

  it.each([
    ['without a basis', { basis: undefined }, 'basis must be one of captured, rebuilt from a description, real run'],
    [
      'with a basis of its own',
      { basis: 'guessed' },
      'basis must be one of captured, rebuilt from a description, real run',
    ],
    ['without a source', { sources: [] }, 'sources must be https URLs, at least one'],
    ['with an unknown member', { redirect_uri: 'x' }, 'redirect_uri is no member'],
    [
      'with an unknown member of its identity',
      { identity: { kind: 'registration', body: {} } },
      'identity.body is no member',
    ],
    ['with an unknown identity', { identity: { kind: 'magic' } }, 'identity.kind is not known'],
    ['with an unknown authentication', { authentication: 'tls_client_auth' }, 'authentication is not known'],
    ['with a parameter that is no text', { refresh: { scope: 1 } }, 'refresh must be texts by name'],
  ])('refuses a fixture %s', (_what, change, problem) => {
    expect(problemsOf(sound as unknown as Record<string, unknown>)).toEqual([]);
    expect(problemsOf({ ...sound, ...change })).toEqual([problem]);
  });

  it('names a member that is missing', () => {
    const { refresh: _refresh, ...incomplete } = sound;

    expect(problemsOf(incomplete)).toContain('refresh is missing');
  });
});
