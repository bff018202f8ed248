import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { visibleCapabilities } from '../../lib/proxy/capabilities.ts';
import type { Call, Capabilities } from '../../lib/proxy/proxy-options.ts';
import { resolveProxy } from '../../lib/resolve-route-options.ts';

const text = readFileSync(new URL('../../docs/capability-filter.md', import.meta.url), 'utf8');

/** The options of the first example, as they stand there. */
function exampleOptions(): Parameters<typeof resolveProxy>[1] {
  const source = /auth\.proxy\('\/files', (\{.*?\n {2}\})\)/s.exec(text)?.[1];
  if (source === undefined) throw new Error('there is no example');
  return new Function(`return (${source});`)();
}

describe('docs/capability-filter.md', () => {
  test('has an example whose options are accepted and mean what the text says', () => {
    const { capabilities, authorize } = resolveProxy('/files', exampleOptions());
    const of = (roles: string[]) => visibleCapabilities(capabilities as Capabilities, roles);
    const shown = (roles: string[]) =>
      ['read_a', 'read_secrets', 'search', 'delete_a', 'other'].filter((name) => of(roles).shows('tools', name));
    expect([shown([]), shown(['admin'])]).toEqual([
      ['read_a', 'search'],
      ['read_a', 'search', 'delete_a'],
    ]);
    const uris = ['docs://public/a', 'users://7', 'users://7/x', 'docs://private/a', 'docs://x/../public'];
    expect(uris.filter((uri) => of([]).shows('resources', uri))).toEqual(['docs://public/a', 'users://7']);
    const transfer = { method: 'tools/call', name: 'transfer', arguments: { amount: 5000 } };
    const client = { clientId: 'c', scopes: [] };
    const allows = (roles: string[]) =>
      authorize?.({ ...transfer, client, identity: { iss: 'i', sub: 's', roles, claims: {} } } as Call);
    expect([allows([]), allows(['cfo'])]).toEqual([false, true]);
  });

  test('shows options that exist', () => {
    const known = { capabilities: () => ({}), identity: { header: 'x-mcp-identity', format: 'jwt' as const } };
    expect(text).toContain(`identity: { header: '${known.identity.header}', format: '${known.identity.format}' }`);
    for (const name of ['maxAnswerBytes', 'heartbeatSeconds', 'firstByteTimeoutMs', 'maxBodyBytes'] as const) {
      expect(text).toContain(`\`${name}\``);
      expect(resolveProxy('/a', { target: 'https://a.example', ...known })[name]).toEqual(expect.any(Number));
    }
  });
});
