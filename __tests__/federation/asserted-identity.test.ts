import { describe, expect, it } from '@jest/globals';
import { createDescribeAssertion } from '../../lib/federation/asserted-identity.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';

describe('an assertion of one of many tenants', () => {
  const issuer = 'https://login.example/{tenantid}/v2.0';
  const { login } = resolveOptions({
    oidc: { issuer, allowedTenants: ['ours'] },
    browserLogin: { clientId: 'id', clientSecret: 'secret' },
    identity: { subjectClaims: ['tid', 'oid'], requiredClaims: { plan: 'paid' } },
  });
  const describeAssertion = createDescribeAssertion(login);
  const claims = { iss: issuer.replace('{tenantid}', 'ours'), sub: 'pairwise', tid: 'ours', oid: 'alice' };

  it('is described by the rules of a login there, so that both are one person', async () => {
    expect(await describeAssertion({ ...claims, plan: 'paid' })).toMatchObject({ iss: claims.iss, sub: 'ours:alice' });
  });

  it('lets nobody in whom a login there refuses (CWE-863)', async () => {
    expect(await describeAssertion({ ...claims, plan: 'free' })).toBe('user_refused');
  });
});
