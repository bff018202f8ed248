import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../lib/errors.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { canonicalResource, createResources, type Resource } from '../../lib/shared/resources.ts';

const issuer = parseIssuer('https://mcp.example.com') as Issuer;

function resource(path: string, changes: Partial<Resource> = {}): Resource {
  const scopes = changes.scopes ?? ['mcp:tools'];
  return {
    path,
    scopes,
    grantableScopes: scopes,
    displayName: path,
    isDefault: false,
    allowedOrigins: [],
    ...changes,
  };
}

function declared(...paths: string[]): ReturnType<typeof createResources> {
  const resources = createResources();
  for (const path of paths) resources.declare(resource(path));
  return resources;
}

function linesOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return 'nothing was thrown';
}

describe('a resource indicator (RFC 8707 section 2)', () => {
  test.each([
    ['its advertised form', 'https://mcp.example.com/mcp'],
    ['a trailing slash', 'https://mcp.example.com/mcp/'],
    ['an upper-case host', 'https://MCP.Example.COM/mcp'],
    ['an upper-case scheme', 'HTTPS://mcp.example.com/mcp'],
    ['the default port', 'https://mcp.example.com:443/mcp'],
    ['a query, which no route is told apart by', 'https://mcp.example.com/mcp?a=1'],
  ])('names the resource with %s', (_what, indicator) => {
    expect(declared('/mcp', '/other').resolve(issuer, indicator)?.path).toBe('/mcp');
  });

  test.each([
    ['another host', 'https://evil.example/mcp'],
    ['another scheme', 'http://mcp.example.com/mcp'],
    ['another port', 'https://mcp.example.com:8443/mcp'],
    ['a user', 'https://user@mcp.example.com/mcp'],
    ['a password', 'https://:secret@mcp.example.com/mcp'],
    ['a fragment', 'https://mcp.example.com/mcp#a'],
    ['an empty fragment', 'https://mcp.example.com/mcp#'],
    ['another case of the path', 'https://mcp.example.com/MCP'],
    ['a path below', 'https://mcp.example.com/mcp/sub'],
    ['a path above', 'https://mcp.example.com/'],
    ['a longer path', 'https://mcp.example.com/mcp2'],
    ['two trailing slashes', 'https://mcp.example.com/mcp//'],
    ['an encoded letter', 'https://mcp.example.com/%6dcp'],
    ['an encoded slash', 'https://mcp.example.com/mcp%2F'],
    ['the path alone', '/mcp'],
    ['the issuer alone', 'https://mcp.example.com'],
    ['no text', ''],
  ])('with %s names none', (_what, indicator) => {
    expect(declared('/mcp').resolve(issuer, indicator)).toBeUndefined();
  });

  test('of the root resource may be the bare origin', () => {
    const resources = declared('/');
    expect(resources.resolve(issuer, 'https://mcp.example.com')?.path).toBe('/');
    expect(resources.resolve(issuer, 'https://mcp.example.com/')?.path).toBe('/');
    expect(resources.resolve(issuer, 'https://mcp.example.com/mcp')).toBeUndefined();
  });

  test('under an issuer with a path counts from the origin', () => {
    const mounted = parseIssuer('https://mcp.example.com/gw') as Issuer;
    const resources = declared('/gw/mcp');
    expect(resources.resolve(mounted, 'https://mcp.example.com/gw/mcp')?.path).toBe('/gw/mcp');
    expect(canonicalResource(mounted, resource('/gw/mcp'))).toBe('https://mcp.example.com/gw/mcp');
  });
});

describe('a resource that another server hosts', () => {
  const hosted = resource('/mcp', { origin: 'https://other.example.com' });

  test('is named by its own origin, beside the route of this server with the same path', () => {
    const resources = declared('/mcp');
    resources.declare(hosted);
    expect(resources.resolve(issuer, 'https://OTHER.example.com:443/mcp/')).toBe(hosted);
    expect(resources.resolve(issuer, 'https://mcp.example.com/mcp')?.origin).toBeUndefined();
    expect(canonicalResource(issuer, hosted)).toBe('https://other.example.com/mcp');
    expect(resources.all()).toHaveLength(2);
    expect(resources.own().map(({ path, origin }) => [path, origin])).toEqual([['/mcp', undefined]]);
  });

  test("is refused at this server's origin where a route has the path already", () => {
    const resources = createResources('https://mcp.example.com');
    resources.declare(resource('/mcp'));
    const rival = resource('/mcp', { origin: 'https://mcp.example.com' });
    expect(linesOf(() => resources.declare(rival))).toContain('https://mcp.example.com/mcp: is declared already');
  });

  test.each([
    ['the path at this server', 'https://mcp.example.com/mcp'],
    ['another scheme', 'http://other.example.com/mcp'],
    ['another port', 'https://other.example.com:8443/mcp'],
    ['another path', 'https://other.example.com/'],
    ['a user', 'https://user@other.example.com/mcp'],
    ['an empty fragment', 'https://other.example.com/mcp#'],
    ['no hierarchy', 'urn:other.example.com/mcp'],
  ])('is not named with %s', (_what, indicator) => {
    const resources = createResources();
    resources.declare(hosted);
    expect(resources.resolve(issuer, indicator)).toBeUndefined();
  });

  test('is the one that is meant without a name where there is no other', () => {
    const resources = createResources();
    resources.declare(hosted);
    expect(resources.implied()).toBe(hosted);
    resources.declare(resource('/mcp'));
    expect(resources.implied()).toBeUndefined();
  });

  test("may be at this server's origin, with a path that no route has", () => {
    const resources = createResources('https://mcp.example.com');
    const other = resources.declare(resource('/other', { origin: 'https://mcp.example.com' }));
    expect(resources.resolve(issuer, 'https://mcp.example.com/other')).toBe(other);
  });
});

describe('declaring a resource', () => {
  test('twice with the same options is one resource, and no new revision', () => {
    const resources = createResources();
    const first = resources.declare(resource('/mcp', { scopes: ['a', 'b'] }));
    expect(resources.revision()).toBe(1);
    expect(resources.declare(resource('/mcp', { scopes: ['b', 'a'] }))).toBe(first);
    expect(resources.revision()).toBe(1);
    expect(resources.all()).toEqual([first]);
  });

  test.each([
    ['scopes', { scopes: ['mcp:tools', 'mcp:admin'] }],
    ['a name', { displayName: 'Other' }],
    ['a default', { isDefault: true }],
    ['origins', { allowedOrigins: ['https://app.example.com'] }],
  ])('twice with other %s is refused, and the first stays', (_what, changes) => {
    const resources = declared('/mcp');
    expect(linesOf(() => resources.declare(resource('/mcp', changes)))).toBe(
      'resource:\n  /mcp: is declared already with other options; give the same options or another path',
    );
    expect(resources.all()).toEqual([resource('/mcp')]);
    expect(resources.revision()).toBe(1);
  });

  test('as a second default is refused and names the first', () => {
    const resources = createResources();
    resources.declare(resource('/mcp', { isDefault: true }));
    expect(linesOf(() => resources.declare(resource('/other', { isDefault: true })))).toBe(
      'resource:\n  /other: cannot be the default: /mcp is it already',
    );
    expect(resources.all().map(({ path }) => path)).toEqual(['/mcp']);
  });
});

describe('the resource meant when a client names none', () => {
  test('is the only one', () => {
    expect(declared('/mcp').implied()?.path).toBe('/mcp');
  });

  test('is none where there is none or several', () => {
    expect(declared().implied()).toBeUndefined();
    expect(declared('/mcp', '/other').implied()).toBeUndefined();
  });

  test('is the default of several', () => {
    const resources = declared('/mcp', '/other');
    resources.declare(resource('/third', { isDefault: true }));
    expect(resources.implied()?.path).toBe('/third');
  });
});
