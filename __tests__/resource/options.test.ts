import { describe, expect, it } from '@jest/globals';
import { resolveResourceOptions } from '../../lib/resolve-resource-options.ts';
import { ConfigurationError, type McpResourceOptions, mcpResource } from '../../lib/resource.ts';

const least = { issuer: 'https://mcp.example.com', origin: 'https://files.example.com' };
const introspection = { clientId: 'files', clientSecret: 'secret' };

/** The lines of the one error; none where the options are accepted. */
function problemsOf(options: unknown, environment: NodeJS.ProcessEnv = {}): string[] {
  try {
    resolveResourceOptions(options as McpResourceOptions, environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [heading, ...lines] = error.message.split('\n');
    expect(heading).toBe('mcpResource(options):');
    return lines.map((line) => line.trim());
  }
}

describe('the options of mcpResource()', () => {
  it('default to JWTs, five seconds of memory, silence', () => {
    expect(resolveResourceOptions(least, {})).toMatchObject({
      issuer: 'https://mcp.example.com',
      server: { origin: 'https://files.example.com', host: 'files.example.com', isSecure: true },
      verification: { kind: 'jwt', jwksUrl: undefined },
      tokenCacheSeconds: 5,
      outbound: {},
      logger: undefined,
    });
  });

  it('are frozen once resolved', () => {
    const resolved = resolveResourceOptions({ ...least, verification: 'introspection', introspection }, {});
    const { server, verification, outbound } = resolved;

    for (const part of [resolved, server, verification, outbound]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('are told wrong all at once, with rule and kind and the nearest name', () => {
    const wrong = {
      isuer: 'x',
      issuer: 'http://mcp.example.com',
      origin: 'https://files.example.com/mcp',
      verification: 'magic',
      tokenCacheSeconds: 61,
      outbound: { proxy: 'x' },
      logger: {},
    };

    expect(problemsOf(wrong)).toEqual([
      'isuer: is not an option; did you mean issuer?',
      'issuer: must be an https URL without query and fragment, as the issuer spells it (http is allowed on loopback), got string',
      "origin: must be an https origin without path (http is allowed on loopback), such as 'https://files.example.com', got string",
      "verification: must be 'jwt' or 'introspection', got string",
      'tokenCacheSeconds: must be an integer from 0 to 60, got another number',
      'outbound.proxy: is not an option; known here: lookup, ca, allowCustomLookup',
      'logger: must have the methods debug, info, warn and error, got object without debug, info, warn, error',
    ]);
  });

  it.each([
    [undefined, 'options: must be an object, got undefined'],
    [{}, "issuer: must be given, such as 'https://mcp.example.com'"],
    [{ ...least, origin: undefined }, "origin: must be given, such as 'https://files.example.com'"],
    [{ ...least, verification: 'introspection' }, 'introspection.clientId: must be given'],
    [
      { ...least, verification: 'introspection', introspection: { clientId: 'a' } },
      'introspection.clientSecret: must be',
    ],
    [
      { ...least, verification: 'introspection', introspection: { ...introspection, clientSecert: 'x' } },
      'introspection.clientSecert: is not an option; did you mean introspection.clientSecret?',
    ],
    [
      { ...least, verification: 'introspection', introspection, jwksUrl: 'https://a.example' },
      "jwksUrl: is for verification 'jwt'",
    ],
    [{ ...least, introspection }, "introspection: needs verification: 'introspection'"],
    [{ ...least, jwksUrl: 'http://mcp.example.com/jwks' }, 'jwksUrl: must be an https URL'],
    [{ ...least, jwksUrl: 'http://127.0.0.1:3000/jwks' }, 'jwksUrl: must be an https URL'],
    [{ ...least, jwksUrl: 'https://user:pw@mcp.example.com/jwks' }, 'jwksUrl: must be an https URL'],
    [{ ...least, jwksUrl: 'file:///etc/keys' }, 'jwksUrl: must be an https URL'],
  ])('%j are refused', (options, line) => {
    expect(problemsOf(options)).toContainEqual(expect.stringContaining(line));
  });

  it.each(['https://acme.auth0.com/', 'https://mcp.example.com/gw', 'http://127.0.0.1:3000', 'http://[::1]:3000'])(
    'may name the issuer %s, which metadata and tokens must spell alike',
    (issuer) => {
      expect(problemsOf({ ...least, issuer })).toEqual([]);
      expect(resolveResourceOptions({ ...least, issuer }, {}).issuer).toBe(issuer);
    },
  );

  it.each([
    'mcp.example.com',
    'https://mcp.example.com?a=1',
    'https://mcp.example.com#',
    'https://MCP.example.com',
    'https://mcp.example.com//',
  ])('refuse the issuer %s', (issuer) => {
    expect(problemsOf({ ...least, issuer })).toHaveLength(1);
  });

  it('take keys over http between programs of one machine alone', () => {
    expect(problemsOf({ ...least, issuer: 'http://127.0.0.1:3000', jwksUrl: 'http://127.0.0.1:3000/k' })).toEqual([]);
  });

  it('take a lookup of one’s own in production only where that is acknowledged', () => {
    const lookup = () => undefined;
    const production = { NODE_ENV: 'production' };

    expect(problemsOf({ ...least, outbound: { lookup } }, production)).toHaveLength(1);
    expect(problemsOf({ ...least, outbound: { lookup, allowCustomLookup: true } }, production)).toEqual([]);
  });

  it('never show a value, which may be a secret', () => {
    const hidden = 'hunter2-do-not-show';
    const wrong = {
      ...least,
      verification: 'introspection',
      introspection: { url: hidden, clientId: [hidden], clientSecret: { hidden } },
    };

    expect(problemsOf(wrong).length).toBeGreaterThan(2);
    expect(problemsOf(wrong).join()).not.toContain(hidden);
  });

  it('of authenticate() are the same as in mcpOAuth, with the same checks', () => {
    const resource = mcpResource(least);

    expect(() => resource.authenticate('mcp')).toThrow(/^authenticate\(path, options\):\n {2}path: must be/);
    expect(() => resource.authenticate('/mcp', { scops: [] } as never)).toThrow('did you mean scopes?');
    resource.authenticate('/mcp', { scopes: ['a'] });
    expect(() => resource.authenticate('/mcp', { scopes: ['b'] })).toThrow('is declared already with other options');
  });
});
