import { assumed, documented, type ProviderProfile, standardBehaviour } from '../profile.ts';
import { alice, bob } from './people.ts';

const endpoints = 'https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps';
const userApi = 'https://docs.github.com/rest/users/users#get-the-authenticated-user';

/** GitHub: OAuth 2.0 without ID token and discovery. Never served as a document. */
export const github: ProviderProfile = {
  name: 'github',
  title: 'GitHub',
  parameters: {},
  metadata: {
    ...documented(endpoints, {
      issuer: 'https://github.com/login/oauth',
      authorization_endpoint: 'https://github.com/login/oauth/authorize',
      token_endpoint: 'https://github.com/login/oauth/access_token',
    }),
    ...documented(userApi, { userinfo_endpoint: 'https://api.github.com/user' }),
    ...assumed(endpoints, { token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'] }),
  },
  behaviour: {
    ...standardBehaviour,
    ...documented(endpoints, {
      discovery: false,
      idToken: false,
      tokenAnswers: 'github',
      refreshToken: 'never',
      accessToken: 'opaque',
    }),
    ...documented('https://docs.github.com/apps/oauth-apps', { logout: 'none' }),
  },
  scopedClaims: {},
  users: {
    alice: {
      idToken: {},
      userinfo: { id: 583231, login: 'alice', name: alice.name, email: alice.email, type: 'User' },
    },
    bob: { idToken: {}, userinfo: { id: 583232, login: 'bob', name: bob.name, email: null, type: 'User' } },
  },
};
