import { afterEach, describe, expect, it } from '@jest/globals';
import { LoginError } from '../../lib/federation/login-error.ts';
import { type ProviderClient, startProviderClient } from './provider-support.ts';

let client: ProviderClient;
afterEach(() => client.close());

/** What a login fails with. */
async function problemOf(login: Promise<unknown>): Promise<string> {
  try {
    await login;
    return 'none';
  } catch (error) {
    if (error instanceof LoginError) return error.message;
    throw error;
  }
}

const asked = () => client.idp.requests.filter(({ path }) => path === '/userinfo').length;

describe('the userinfo endpoint', () => {
  const lean = { sub: 'alice', name: 'Alice Adams' };
  const start = async () => {
    client = await startProviderClient({
      users: {
        alice: { idToken: lean, userinfo: { ...lean, department: 'research', groups: ['engineering'] } },
      } as never,
    });
  };

  it('is asked where the ID token lacks a claim that the options name, and only there (OpenID Connect Core section 5.3)', async () => {
    await start();
    expect((await client.signIn()).identity).toMatchObject({ roles: [], claims: { name: 'Alice Adams' } });
    expect(asked()).toBe(0);

    const { identity } = await client.signIn({ identity: { rolesClaims: ['groups'], claims: ['department'] } });
    expect(identity).toMatchObject({ roles: ['engineering'], claims: { department: 'research' } });
    expect(asked()).toBe(1);
  });

  it('is asked always, or never, where the options say so', async () => {
    await start();
    expect((await client.signIn({ identity: { userinfo: 'always' } })).identity.roles).toEqual(['engineering']);
    expect((await client.signIn({ identity: { userinfo: 'never', claims: ['department'] } })).identity.claims).toEqual({
      name: 'Alice Adams',
    });
    expect(asked()).toBe(1);
  });

  it('says nothing that the signed ID token says otherwise', async () => {
    await start();
    client.idp.misbehave.userinfo = (body) => ({ ...body, name: 'Mallory' });

    expect((await client.signIn({ identity: { userinfo: 'always' } })).identity.claims.name).toBe('Alice Adams');
  });

  it('speaks of the same person, or nobody signs in (OpenID Connect Core section 5.3.2)', async () => {
    await start();
    client.idp.misbehave.userinfo = (body) => ({ ...body, sub: 'bob' });

    expect(await problemOf(client.signIn({ identity: { userinfo: 'always' } }))).toBe(
      'provider_answer_invalid: userinfo: of another subject',
    );
  });

  it.each([
    ['http500', 'provider_unreachable: userinfo: status 500'],
    ['refuse', 'provider_unreachable: response_invalid'],
    ['html', 'provider_answer_invalid: userinfo: no JSON'],
    ['huge', 'provider_answer_invalid: too_large'],
    ['redirect', 'provider_answer_invalid: userinfo: status 307'],
  ] as const)('fails a login that needs it: %s', async (fault, problem) => {
    await start();
    client.idp.misbehave.userinfo = fault;

    expect(await problemOf(client.signIn({ identity: { userinfo: 'always' } }))).toBe(problem);
  });
});

describe('who may sign in', () => {
  it('is limited by requiredClaims', async () => {
    client = await startProviderClient();
    const identity = { requiredClaims: { groups: ['engineering', 'research'] } };

    expect((await client.signIn({ identity })).identity.sub).toBe('alice');
    expect(await problemOf(client.signIn({ identity }, 'bob'))).toBe('user_refused: claim groups is not as required');
  });

  it('is limited by allowedTenants where one issuer stands for many', async () => {
    client = await startProviderClient();
    const { idp } = client;
    const tenant = 'a5ad0ba0-6d4c-4f5d-8d5c-0f5c0a4b6a11';
    const options = (allowed: string) => ({
      oidc: {
        issuer: `${idp.issuer}/{tenantid}/v2.0`,
        allowedTenants: [allowed],
        discoveryUrl: `${idp.issuer}/.well-known/openid-configuration`,
      },
    });
    idp.misbehave.discovery = (body) => ({ ...body, issuer: `${idp.issuer}/{tenantid}/v2.0` });
    const issue = (tid: string, iss = `${idp.issuer}/${tid}/v2.0`) => {
      idp.misbehave.idToken = (claims, sign) => sign({ ...claims, tid, iss });
    };
    const signIn = (allowed: string) => {
      idp.misbehave.token = undefined;
      return client.signIn({ ...options(allowed) });
    };
    // The provider sends no iss with the callback, as Entra does not.
    const original = idp.signIn;
    idp.signIn = (url, user) => {
      const callback = new URL(original(url, user));
      callback.searchParams.delete('iss');
      return callback.href;
    };
    idp.misbehave.discovery = (body) => ({
      ...body,
      issuer: `${idp.issuer}/{tenantid}/v2.0`,
      authorization_response_iss_parameter_supported: false,
    });

    issue(tenant);
    expect((await signIn(tenant)).identity.iss).toBe(`${idp.issuer}/${tenant}/v2.0`);
    expect(await problemOf(signIn('another'))).toBe('user_refused: tenant is not allowed');
    issue(tenant, `${idp.issuer}/another/v2.0`);
    expect(await problemOf(signIn(tenant))).toBe('id_token_invalid: unexpected "iss" claim value');
  });

  it('has an access token for the audience that oidc.accessTokenAudience names', async () => {
    client = await startProviderClient();
    const oidc = { issuer: client.idp.issuer, accessTokenAudience: 'https://gateway.example.com' };

    expect(await problemOf(client.signIn({ oidc }))).toMatch(/^access_token_invalid: /);
  });
});

describe('the token answer', () => {
  it('is an error where it says so, whatever its status (GitHub)', async () => {
    client = await startProviderClient();
    client.idp.misbehave.token = () => ({ error: 'bad_verification_code' });

    expect(await problemOf(client.signIn())).toBe('provider_refused_code: bad_verification_code');
  });

  it('is cut off at 64 KB: 20 MB are not read (CWE-400)', async () => {
    client = await startProviderClient();
    client.idp.misbehave.token = 'huge';

    expect(await problemOf(client.signIn())).toBe('provider_answer_invalid: too_large');
  });
});
