import { assumed, documented, type ProviderProfile, standardBehaviour, standardScopedClaims } from '../profile.ts';
import { alice, bob } from './people.ts';

const poolDocument =
  'discovery document of a user pool, as micronaut-projects/micronaut-security keeps it in its tests';
const logoutEndpoint = 'https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html';

/** A user pool of Amazon Cognito: issuer and keys on one host, the login on another. */
export const cognito: ProviderProfile = {
  name: 'cognito',
  title: 'Amazon Cognito',
  parameters: {
    awsRegion: 'eu-central-1',
    userPoolId: 'eu-central-1_AcmePool1',
    userPoolDomain: 'acme.auth.eu-central-1.amazoncognito.com',
  },
  metadata: {
    ...documented(poolDocument, {
      issuer: 'https://cognito-idp.{awsRegion}.amazonaws.com/{userPoolId}',
      authorization_endpoint: 'https://{userPoolDomain}/oauth2/authorize',
      token_endpoint: 'https://{userPoolDomain}/oauth2/token',
      userinfo_endpoint: 'https://{userPoolDomain}/oauth2/userInfo',
      jwks_uri: 'https://cognito-idp.{awsRegion}.amazonaws.com/{userPoolId}/.well-known/jwks.json',
      response_types_supported: ['code', 'token'],
      scopes_supported: ['openid', 'email', 'phone', 'profile'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    }),
  },
  logoutEndpoint: { value: 'https://{userPoolDomain}/logout', source: logoutEndpoint, confirmed: false },
  behaviour: {
    ...standardBehaviour,
    ...documented('better-auth/better-auth, core/social-providers/cognito.ts', { scopeSeparator: '%20' }),
    ...assumed('https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html', {
      accessToken: 'jwt',
      refreshToken: 'always',
      refreshRotates: false,
      refusedScopes: ['offline_access'],
    }),
    ...assumed(logoutEndpoint, { logout: 'logout_uri' }),
  },
  scopedClaims: standardScopedClaims,
  users: {
    alice: {
      idToken: {
        ...alice,
        sub: '0f1e2d3c-0000-4000-8000-00000000000a',
        token_use: 'id',
        'cognito:username': 'alice',
        'cognito:groups': ['admin', 'user'],
        'cognito:roles': ['arn:aws:iam::123456789012:role/admins'],
      },
    },
    bob: {
      idToken: {
        ...bob,
        sub: '0f1e2d3c-0000-4000-8000-00000000000b',
        token_use: 'id',
        'cognito:username': 'bob',
        'cognito:groups': ['user'],
      },
    },
  },
};
