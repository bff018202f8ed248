import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../lib/errors.ts';
import { type CapabilityKind, visibleCapabilities } from '../../lib/proxy/capabilities.ts';
import type { Capabilities } from '../../lib/proxy/proxy-options.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';
import { resolveProxy } from '../../lib/resolve-route-options.ts';

/** Which of these names are there for a caller. */
function shown(capabilities: Capabilities, kind: CapabilityKind, names: readonly string[], roles: string[] = []) {
  const visible = visibleCapabilities(capabilities, roles);
  return names.filter((name) => visible.shows(kind, name));
}

const tools = ['get_user', 'get_secret', 'delete_user', 'Get_User'];

describe('tools and prompts', () => {
  test.each<[string, Capabilities, string[]]>([
    ['without rules: all', {}, tools],
    ['a list alone is what is allowed, by exact name and case', { tools: ['get_user'] }, ['get_user']],
    ['globs', { tools: { allow: ['get_*'] } }, ['get_user', 'get_secret']],
    ['an empty list leaves nothing', { tools: [] }, []],
    ['deny alone leaves the rest', { tools: { deny: ['*_secret', 'delete_*'] } }, ['get_user', 'Get_User']],
    ['deny wins over allow', { tools: { allow: ['get_*'], deny: ['get_secret'] } }, ['get_user']],
    ['default deny hides what no list allows', { default: 'deny' }, []],
    ['default deny with a list is the list', { default: 'deny', tools: ['get_user'] }, ['get_user']],
    ['default deny with deny alone hides all', { default: 'deny', tools: { deny: ['x'] } }, []],
    ['default allow does not widen an allow list', { default: 'allow', tools: { allow: ['get_user'] } }, ['get_user']],
    ['rules of other kinds do not count', { prompts: [], resources: [], resourceTemplates: [] }, tools],
  ])('%s', (_what, capabilities, expected) => {
    expect(shown(capabilities, 'tools', tools)).toEqual(expected);
    const { tools: list, ...rest } = capabilities;
    const asPrompts = { ...rest, ...(list && { prompts: list }), ...(rest.prompts && { prompts: undefined }) };
    expect(shown(asPrompts as Capabilities, 'prompts', tools)).toEqual(expected);
  });

  const byRole: Capabilities = {
    tools: {
      allow: ['get_*', { name: 'delete_*', roles: ['admin', 'owner'] }],
      deny: [{ name: '*_secret', roles: ['contractor'] }],
    },
  };

  test.each([
    ['nobody in particular', [], ['get_user', 'get_secret']],
    ['one of the roles', ['owner'], ['get_user', 'get_secret', 'delete_user']],
    ['a role that is denied', ['contractor'], ['get_user']],
    ['both', ['admin', 'contractor'], ['get_user', 'delete_user']],
    ['a role of another case', ['Admin'], ['get_user', 'get_secret']],
  ])('entries of a role count for its holders: %s', (_who, roles, expected) => {
    expect(shown(byRole, 'tools', tools, roles)).toEqual(expected);
  });

  test('a list whose entries are all for others shows nothing, not everything', () => {
    expect(shown({ tools: [{ name: '*', roles: ['admin'] }] }, 'tools', tools)).toEqual([]);
  });
});

describe('resources and templates', () => {
  const uris = ['docs://a', 'docs://a/b', 'docs://secret', 'file:///etc/passwd'];

  test.each<[string, Capabilities, string[]]>([
    ['without rules: all', {}, uris],
    ['by glob', { resources: ['docs://*'] }, ['docs://a', 'docs://a/b', 'docs://secret']],
    [
      'a read that only a template covers (RFC 6570)',
      { resourceTemplates: ['docs://{id}'] },
      ['docs://a', 'docs://secret'],
    ],
    [
      'also where resources has a list of its own',
      { resources: [], resourceTemplates: ['docs://{id}'] },
      ['docs://a', 'docs://secret'],
    ],
    [
      'a template with a reserved expression covers paths',
      { resourceTemplates: ['docs://{+path}'] },
      ['docs://a', 'docs://a/b', 'docs://secret'],
    ],
    ['a template with parts', { resourceTemplates: ['docs://{id}/{part}'] }, ['docs://a/b']],
    ['a glob of templates', { resourceTemplates: ['docs://*'] }, ['docs://a', 'docs://a/b', 'docs://secret']],
    [
      'a denied template denies what it expands to',
      { resourceTemplates: { deny: ['docs://{id}'] } },
      ['file:///etc/passwd'],
    ],
    [
      'a denied URI wins over an allowed template',
      { resources: { deny: ['docs://secret'] }, resourceTemplates: ['docs://{id}'] },
      ['docs://a'],
    ],
    ['no templates, nothing but listed resources', { resources: ['docs://a'], resourceTemplates: [] }, ['docs://a']],
    ['default deny', { default: 'deny', tools: ['*'] }, []],
  ])('%s', (_what, capabilities, expected) => {
    expect(shown(capabilities, 'resources', uris)).toEqual(expected);
  });

  test.each([
    'DOCS://secret',
    'docs://x/../secret',
    ' docs://secret',
    'docs://secret\n',
    'docs://s%65cret',
    'docs://s%2565cret',
    'docs://%73ecret/%zz/..',
    'docs://SECRET',
    'docs://secret#part',
    'docs://s%65cret%23part',
    'file:///notes.txt?x',
    'file:///notes.txt#x',
  ])('nothing that is denied comes under another spelling: %j', (uri) => {
    const capabilities: Capabilities = {
      resources: { deny: ['docs://secret', 'docs://secret/*', 'docs://x/*', 'file:///notes.txt'] },
    };
    expect(shown(capabilities, 'resources', [uri])).toEqual([]);
  });

  test('a denied host is denied in any case, and a path with its case alone (RFC 3986 section 6.2.2.1)', () => {
    const capabilities: Capabilities = { resources: { deny: ['db://Payroll/*'] } };
    const uris = ['db://Payroll/a', 'db://payroll/a', 'db://other/Payroll/a'];
    expect(shown(capabilities, 'resources', uris)).toEqual(['db://other/Payroll/a']);
  });

  test.each([
    'file:///public/../etc/passwd',
    'file:///public/%2e%2e/etc/passwd',
    'file:///public/..%2fetc/passwd',
    'file:///public/%252e%252e/etc/passwd',
    'file:///public/./../../etc/passwd',
  ])('nothing comes under the cover of what is allowed: %j', (uri) => {
    const capabilities: Capabilities = { resources: ['file:///public/*'] };
    expect(shown(capabilities, 'resources', [uri])).toEqual([]);
    expect(shown(capabilities, 'resources', ['file:///public/a%20b.txt'])).toHaveLength(1);
  });

  test('a literal entry stands for its normalised form too', () => {
    const capabilities: Capabilities = { resources: ['https://docs.example.com'] };
    const spelled = ['https://docs.example.com', 'https://docs.example.com/', 'https://DOCS.example.com'];
    expect(shown(capabilities, 'resources', spelled)).toEqual(spelled.slice(0, 2));
  });

  const templates = ['docs://{id}', 'docs://{id}/parts', 'file:///{+path}'];

  test.each<[string, Capabilities, string[]]>([
    ['without rules: all', {}, templates],
    ['by their own text', { resourceTemplates: ['docs://{id}'] }, ['docs://{id}']],
    ['by glob', { resourceTemplates: ['docs://*'] }, ['docs://{id}', 'docs://{id}/parts']],
    ['where all their resources are allowed', { resources: ['docs://*'] }, ['docs://{id}', 'docs://{id}/parts']],
    ['not where only some of their resources are', { resources: ['docs://1'] }, []],
    ['not where denied', { resourceTemplates: { deny: ['file:*'] } }, ['docs://{id}', 'docs://{id}/parts']],
  ])('templates are listed %s', (_what, capabilities, expected) => {
    expect(shown(capabilities, 'resourceTemplates', templates)).toEqual(expected);
  });
});

describe('wrong options are told at start', () => {
  const problems = (options: object): string => {
    try {
      resolveProxy('/mcp', { target: 'https://mcp.example.com', ...options });
      return 'none';
    } catch (error) {
      if (error instanceof ConfigurationError) return error.message.split('\n').slice(1).join('\n').trim();
      throw error;
    }
  };

  test.each<[string, object, RegExp]>([
    [
      'a kind that does not exist',
      { capabilities: { tool: ['a'] } },
      /^capabilities\.tool: is not an option; did you mean capabilities\.tools\?$/,
    ],
    [
      'a name that is none',
      { capabilities: { tools: ['a', ''] } },
      /^capabilities\.tools: must be an array of names, .* got array$/,
    ],
    [
      'a list that is none',
      { capabilities: { prompts: { allow: 'a' } } },
      /^capabilities\.prompts\.allow: must be an array of names/,
    ],
    [
      'a member nobody knows',
      { capabilities: { tools: { only: [] } } },
      /^capabilities\.tools\.only: is not an option/,
    ],
    [
      'an entry with a member nobody knows',
      { capabilities: { tools: [{ name: 'a', role: 'x' }] } },
      /^capabilities\.tools: must be/,
    ],
    ['roles that are none', { capabilities: { tools: [{ name: 'a', roles: 'x' }] } }, /^capabilities\.tools: must be/],
    [
      'another default',
      { capabilities: { default: 'hide' } },
      /^capabilities\.default: must be 'allow' or 'deny', got string$/,
    ],
    ['no object', { capabilities: [] }, /^capabilities: must be an object, got array$/],
    ['a hook that is none', { authorize: true }, /^authorize: must be a function, got boolean$/],
    [
      'an identity header of the transport',
      { identity: { header: 'Authorization', format: 'jwt' } },
      /^identity\.header: must be a header name of the upstream's own/,
    ],
    ['an identity without format', { identity: { header: 'x-id' } }, /^identity\.format: must be given: 'jwt'$/],
    ['a heartbeat without end', { heartbeatSeconds: 1e6 }, /^heartbeatSeconds: must be an integer from 0 to 3600/],
  ])('%s', (_what, options, message) => {
    expect(problems(options)).toMatch(message);
  });

  test('and routes by configuration have them where they have a target', () => {
    const login = { oidc: { issuer: 'https://acme.okta.com' }, browserLogin: { clientId: 'c', clientSecret: 's' } };
    const route = { path: '/mcp', capabilities: { tools: ['a'] } };
    const { routes } = resolveOptions({ ...login, routes: [{ ...route, target: 'https://mcp.example.com' }] }, {});
    expect(routes[0]).toMatchObject(route);
    expect(() => resolveOptions({ ...login, routes: [route] }, {})).toThrow(
      'routes[0].capabilities: needs target: without it the request is handed on to the app',
    );
  });

  test('and right ones pass', () => {
    const capabilities = { default: 'deny', tools: ['a', { name: 'b' }], prompts: { deny: [] }, resources: [] };
    expect(problems({ capabilities, heartbeatSeconds: 15, identity: { header: 'x-id', format: 'jwt' } })).toBe('none');
    expect(problems({ capabilities: () => ({}) })).toBe('none');
  });
});
