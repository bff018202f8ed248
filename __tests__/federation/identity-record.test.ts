import { describe, expect, it } from '@jest/globals';
import { describeIdentity } from '../../lib/federation/identity-record.ts';
import type { IdentityRules } from '../../lib/federation/resolve-login-options.ts';

const ISSUER = 'https://idp.example';
const DEFAULTS: IdentityRules = {
  subjectClaims: ['sub'],
  rolesClaims: undefined,
  claims: [],
  requiredClaims: {},
  userinfo: 'when_missing',
  mapIdentity: undefined,
  exposeTokens: false,
};

describe('the identity that claims describe', () => {
  const identity = (claims: Record<string, unknown>) => describeIdentity(ISSUER, { sub: 'alice', ...claims }, DEFAULTS);

  it.each<[string, Record<string, unknown>, string[]]>([
    ['roles', { roles: ['admin', 'user'] }, ['admin', 'user']],
    ['role', { role: 'admin' }, ['admin']],
    ['groups', { groups: ['sales'] }, ['sales']],
    ['all of them, each name once', { roles: ['a', 'b'], role: 'b', groups: ['c', 'a'] }, ['a', 'b', 'c']],
    ['a namespaced claim (Auth0)', { 'https://gateway.example.com/roles': ['admin'] }, ['admin']],
    ['a prefixed claim (Cognito)', { 'cognito:groups': ['sales'] }, ['sales']],
    ['no claim', {}, []],
  ])('gives roles as a plain list from %s (seed, user.data.roles)', async (_name, claims, roles) => {
    expect((await identity(claims)).roles).toEqual(roles);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['a text with a space is one role', { roles: 'not admin' }, ['not admin']],
    ['a text with a comma is one role', { groups: 'CN=Admins,OU=Berlin' }, ['CN=Admins,OU=Berlin']],
    ['what is no text is no role', { roles: ['user', 7, null, true, { admin: true }, ['admin'], ''] }, ['user']],
    ['an object is no role', { roles: { admin: true } }, []],
    ['true is no role', { role: true }, []],
    ['a claim that only ends alike is none', { controls: ['admin'], 'x-roles': ['admin'], subgroups: ['admin'] }, []],
    ['a text that no store can keep is no role', { roles: ['a\u0000', '\ud800', 'user'] }, ['user']],
  ])('makes nobody more than the provider said: %s (CWE-269)', async (_name, claims, roles) => {
    expect((await identity(claims)).roles).toEqual(roles);
  });

  it('keeps the profile and nothing else (DESIGN 4.5)', async () => {
    const profile = {
      name: 'Alice',
      preferred_username: 'al',
      given_name: 'A',
      family_name: 'B',
      email: 'a@b.example',
      email_verified: false,
      picture: 'https://b.example/a',
      locale: 'de',
    };
    const others = {
      nonce: 'n',
      at_hash: 'h',
      sid: 's',
      aud: 'gateway',
      azp: 'gateway',
      exp: 1,
      iat: 1,
      amr: ['pwd'],
      phone_number: '1',
    };
    expect(await identity({ ...profile, ...others })).toEqual({
      iss: ISSUER,
      sub: 'alice',
      roles: [],
      claims: profile,
    });
  });

  it('drops claims of a wrong shape, and those that no store can keep (CWE-20)', async () => {
    const claims = {
      name: { first: 'Alice' },
      email: ['a@b.example'],
      locale: null,
      picture: 7,
      given_name: 'A\u0000',
      family_name: '\udfff',
    };
    expect((await identity(claims)).claims).toEqual({});
  });
});
