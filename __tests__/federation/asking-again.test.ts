import { describe, expect, it } from '@jest/globals';
import { LogoutTokenError } from '../../lib/federation/logout-token.ts';
import type { FakeIdentityProviderOptions } from '../../lib/testing.ts';
import { startProviderClient } from './provider-support.ts';

describe('a provider that gives little at a refresh', () => {
  const start = async (provider: Partial<FakeIdentityProviderOptions>, oidc: object, identity: object) => {
    const client = await startProviderClient(provider);
    const options = { oidc: { issuer: client.idp.issuer, ...oidc }, browserLogin: { offlineAccess: true }, identity };
    return { ...client, ...(await client.connect(options)) };
  };

  it('confirms by new tokens alone, where no ID token comes and userinfo is not asked (OpenID Connect Core section 12.2)', async () => {
    const { provider, signIn, idp, close } = await start({}, {}, { userinfo: 'never' });
    try {
      const { tokens } = await signIn();
      idp.misbehave.idToken = async () => undefined;
      const answer = await provider.refresh(tokens);

      expect(answer).toMatchObject({ identity: undefined, tokens: { accessToken: expect.any(String) } });
      expect(answer?.tokens.accessToken).not.toBe(tokens.accessToken);
    } finally {
      await close();
    }
  });

  it('is asked by userinfo where its access tokens last and no refresh token came (GitHub)', async () => {
    const { provider, signIn, idp, close } = await start(
      {},
      { protocol: 'oauth2' },
      { subjectClaims: ['sub'], rolesClaims: ['groups'] },
    );
    try {
      const { tokens } = await signIn();
      const { refreshToken: _, ...kept } = tokens;
      idp.misbehave.userinfo = (body) => ({ ...body, groups: ['sales'] });
      expect((await provider.refresh(kept))?.identity?.roles).toEqual(['sales']);

      await expect(provider.refresh({ ...kept, accessToken: 'withdrawn' })).rejects.toThrow(
        'provider_refused_refresh: invalid_token',
      );
    } finally {
      await close();
    }
  });

  it('ends no login by a 401 of what needs no token: its key set (RFC 6750 section 3.1)', async () => {
    const { signIn, connect, idp, close } = await start({}, {}, {});
    try {
      const { tokens } = await signIn();
      idp.misbehave.discovery = (body) => ({ ...body, jwks_uri: `${idp.issuer}/userinfo` });
      const { provider } = connect({ browserLogin: { offlineAccess: true } });

      const problem = expect.objectContaining({ message: 'provider_answer_invalid: key set: status 401' });
      expect(await provider.refresh(tokens)).toMatchObject({ identity: undefined, problem });
    } finally {
      await close();
    }
  });

  it('has no logout tokens where it has no keys, whatever comes in its name', async () => {
    const { provider, close } = await start({}, { protocol: 'oauth2' }, {});
    try {
      const refused = provider.verifyLogoutToken('a.b.c');
      await expect(refused).rejects.toThrow(LogoutTokenError);
      await expect(refused).rejects.toThrow('its issuer has no keys: oauth2 without oidc.jwksUrl');
    } finally {
      await close();
    }
  });

  it('gives the rotated refresh token although userinfo is down: the one before is spent (RFC 9700 section 4.14.2)', async () => {
    const { provider, signIn, idp, close } = await start({}, {}, { userinfo: 'always' });
    try {
      const { tokens } = await signIn();
      idp.misbehave.userinfo = 'http500';
      const answer = await provider.refresh(tokens);
      expect(answer?.problem?.message).toBe('provider_unreachable: userinfo: status 500');

      idp.misbehave.userinfo = undefined;
      expect((await provider.refresh(answer?.tokens ?? tokens))?.identity?.sub).toBe('alice');
    } finally {
      await close();
    }
  });
});
