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
    [
      'a claim that users write themselves is none (Amazon Cognito)',
      { 'custom:role': 'admin', 'custom:roles': 'a' },
      [],
    ],
    ['a role of AWS is none of ours', { 'cognito:roles': ['arn:aws:iam::1:role/admin'] }, []],
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

describe('an identity by the options', () => {
  const identityBy = (claims: Record<string, unknown>, rules: Partial<IdentityRules>) =>
    describeIdentity(ISSUER, { sub: 'alice', ...claims }, { ...DEFAULTS, ...rules });

  it.each<[string, Record<string, unknown>, NonNullable<IdentityRules['rolesClaims']>, string[]]>([
    ['a nested claim (Keycloak)', { realm_access: { roles: ['a'] } }, [{ path: 'realm_access.roles' }], ['a']],
    ['a name with dots', { 'https://a.example/roles': ['a'] }, [{ path: 'https://a.example/roles' }], ['a']],
    [
      'a name with dots on the way',
      { resource_access: { 'mcp.example.com': { roles: ['a'] } } },
      [{ path: 'resource_access.mcp.example.com.roles' }],
      ['a'],
    ],
    ['a text with a delimiter', { scp: 'a  b a' }, [{ path: 'scp', delimiter: ' ' }], ['a', 'b']],
    ['a text without one', { scp: 'not admin' }, [{ path: 'scp' }], ['not admin']],
    [
      'names of members (ZITADEL)',
      { 'urn:zitadel:iam:org:project:roles': { admin: { 1: 'acme' }, user: { 1: 'acme' } } },
      [{ path: 'urn:zitadel:iam:org:project:roles' }],
      ['admin', 'user'],
    ],
    ['no member that is off', { roles: { admin: false, owner: null, user: true } }, [{ path: 'roles' }], ['user']],
    ['several claims', { roles: ['a'], groups: ['b', 'a'] }, [{ path: 'roles' }, { path: 'groups' }], ['a', 'b']],
    ['no claim that is not named', { roles: ['a'] }, [{ path: 'groups' }], []],
    ['nothing of a prototype', {}, [{ path: 'constructor.name' }], []],
  ])('has roles from %s', async (_name, claims, rolesClaims, roles) => {
    expect((await identityBy(claims, { rolesClaims })).roles).toEqual(roles);
  });

  it.each<[string, Record<string, unknown>, string[], string]>([
    ['one claim', { oid: 'o' }, ['oid'], 'o'],
    ['a number (GitHub)', { id: 583231 }, ['id'], '583231'],
    ['several claims, told apart from one with a colon', { tid: 'a:b', oid: 'c' }, ['tid', 'oid'], 'a%3Ab:c'],
  ])('is named by %s', async (_name, claims, subjectClaims, sub) => {
    expect((await identityBy(claims, { subjectClaims })).sub).toBe(sub);
  });

  it.each<[string, Record<string, unknown>]>([
    ['is not there', {}],
    ['is empty', { oid: '' }],
    ['is no text', { oid: { id: 'o' } }],
    ['cannot be kept', { oid: 'o\u0000' }],
  ])('is nobody where the claim %s', async (_name, claims) => {
    await expect(identityBy(claims, { subjectClaims: ['oid'] })).rejects.toThrow('identity_incomplete: no oid');
  });

  it('keeps chosen claims, as far as they can be kept', async () => {
    const claims = { department: 'research', address: { city: 'Berlin' }, bad: 'x\u0000', nested: ['\ud800'] };
    const identity = await identityBy(claims, { claims: ['department', 'address.city', 'bad', 'nested', 'absent'] });

    expect(identity.claims).toEqual({ department: 'research', 'address.city': 'Berlin' });
  });

  it('has what mapIdentity makes of it, but the same issuer and subject', async () => {
    const mapIdentity = ((claims: Record<string, unknown>, { accessToken }: { accessToken?: string }) => ({
      iss: 'https://attacker.example',
      sub: 'root',
      roles: ['mapped', 'mapped'],
      claims: { was: claims.department, had: accessToken !== undefined },
    })) as never;
    const rules = { ...DEFAULTS, mapIdentity };
    const claims = { sub: 'alice', roles: ['admin'], name: 'Alice', department: 'research' };

    expect(await describeIdentity(ISSUER, claims, rules, { accessToken: 't' })).toEqual({
      iss: ISSUER,
      sub: 'alice',
      roles: ['mapped'],
      claims: { name: 'Alice', was: 'research', had: true },
    });
  });

  it('is nobody where mapIdentity fails', async () => {
    const mapIdentity = () => Promise.reject(new Error('the directory is away'));
    await expect(identityBy({}, { mapIdentity })).rejects.toThrow(
      'identity_hook_failed: mapIdentity: the directory is away',
    );
  });
});
