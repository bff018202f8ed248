import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../lib/errors.ts';
import { resolveOptions } from '../lib/resolve-options.ts';

const least = {
  oidc: { issuer: 'https://acme.okta.com' },
  browserLogin: { clientId: 'gateway', clientSecret: 'client-secret' },
};

function problemsOf(options: object): string[] {
  try {
    resolveOptions(options as never, {});
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ option, message }) => `${option}: ${message}`);
  }
}

/** The least options with members of one group over them. */
function over(group: string, members: object): object {
  const options: Record<string, object> = least;
  return { ...options, [group]: { ...options[group], ...members } };
}

describe('ranges', () => {
  test.each([
    ['gateway', 'accessTokenTtlSeconds', 1, 86_400],
    ['gateway', 'refreshTokenTtlSeconds', 1, 31_536_000],
    ['gateway', 'refreshGraceSeconds', 0, 300],
    ['gateway', 'tokenCacheSeconds', 0, 60],
    ['browserLogin', 'remoteTimeoutMs', 100, 60_000],
    ['browserLogin', 'stateTtlSeconds', 30, 3600],
    ['browserLogin', 'sessionTtlSeconds', 1, 2_592_000],
    ['registration', 'unusedClientTtlSeconds', 60, 2_592_000],
    ['registration', 'clientTtlSeconds', 60, 315_360_000],
    ['cimd', 'staleIfErrorSeconds', 0, 604_800],
  ])('of %s.%s end at %d and %d, both included', (group, name, min, max) => {
    const line = `${group}.${name}: must be an integer from ${min} to ${max}, got another number`;
    const accepted = [min, max].flatMap((value) => problemsOf(over(group, { [name]: value })));
    expect(accepted).toEqual([]);
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN])
      expect(problemsOf(over(group, { [name]: value }))).toEqual([line]);
  });

  test.each([
    ['/oauth', true],
    ['/a/b-c_d.e/1', true],
    ['/', false],
    ['', false],
    ['oauth', false],
    ['/oauth/', false],
    ['//oauth', false],
    ['/../oauth', false],
    ['/oauth/.', false],
    ['/.well-known', false],
    ['/o auth', false],
    ['/oauth?x', false],
    ['/oauth#x', false],
    ['/%6fauth', false],
    ['/:id', false],
    ['/*', false],
  ])('of gateway.basePath: %p is accepted: %p', (basePath, accepted) => {
    expect(problemsOf(over('gateway', { basePath })).length).toBe(accepted ? 0 : 1);
  });

  test('of the secret: 32 characters will do, 31 will not', () => {
    expect(problemsOf({ ...least, secret: 'x'.repeat(32) })).toEqual([]);
    expect(problemsOf({ ...least, secret: 'x'.repeat(31) })).toHaveLength(1);
  });
});
