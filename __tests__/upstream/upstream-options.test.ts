import { describe, expect, test } from '@jest/globals';
import {
  ConfigurationError,
  idJag,
  mcpOAuth,
  memoryStorage,
  sharedOAuth,
  tokenExchange,
  userOAuth,
} from '../../lib/index.ts';

function problemsOf(make: () => unknown): string[] {
  try {
    make();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ option, message }) => `${option}: ${message}`);
  }
}

const secret = 'hunter2 "secret"';

describe('options of an upstream are checked at start, all at once', () => {
  test('of userOAuth', () => {
    const given = {
      id: 'Not An Id',
      summary: 5,
      protectedResourceMetadataUrl: 'http://example.com/metadata',
      authorizationServer: 'nowhere',
      scopes: ['two words'],
      scopeDelimiter: '',
      clientRegistration: { mode: 'manual', clientSecret: secret, tokenEndpointAuthMethod: 'secret_handshake' },
      authorizationParameters: { state: 'mine', prompt: 5 },
      connect: 'sometimes',
      conectTool: true,
    };
    const problems = problemsOf(() => userOAuth(given as never));
    expect(problems.map((problem) => problem.split(':')[0]).sort()).toEqual([
      'authorizationParameters.prompt',
      'authorizationParameters.state',
      'authorizationServer',
      'clientRegistration.clientId',
      'clientRegistration.tokenEndpointAuthMethod',
      'conectTool',
      'connect',
      'displayName',
      'id',
      'protectedResourceMetadataUrl',
      'scopeDelimiter',
      'scopes',
      'summary',
    ]);
    expect(problems.join('\n')).not.toContain(secret);
    expect(problems).toContain('conectTool: is not an option; did you mean connectTool?');
  });

  test('of a manual registration whose method needs a secret', () => {
    const clientRegistration = {
      mode: 'manual',
      clientId: 'a',
      tokenEndpointAuthMethod: 'client_secret_post',
    } as const;
    expect(problemsOf(() => userOAuth({ id: 'a', displayName: 'A', clientRegistration }))).toEqual([
      'clientRegistration.clientSecret: must be given for client_secret_post',
    ]);
    const auto = { mode: 'auto', clientId: 'a' } as never;
    expect(problemsOf(() => userOAuth({ id: 'a', displayName: 'A', clientRegistration: auto }))).toEqual([
      "clientRegistration.clientId: needs mode: 'manual'",
    ]);
  });

  test('of sharedOAuth, which needs somebody who may connect it', () => {
    expect(problemsOf(() => sharedOAuth({ id: 'a', displayName: 'A' } as never))).toEqual([
      'mayConnect: must be given: who may connect it for everybody',
    ]);
  });

  test('of idJag', () => {
    const clientAuth = { method: 'private_key_jwt', clientId: 'a', privateKeyPem: secret, clientSecret: secret };
    const given = { id: 'a', displayName: 'A', idp: { tokenUrl: 'https://idp.example/token', clientAuth } };
    const problems = problemsOf(() => idJag(given as never));
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'resourceAs',
      'resourceAs.audience',
      'idp.clientAuth.privateKeyPem',
      'idp.clientAuth.clientSecret',
      'resourceAs.tokenUrl',
      'resourceAs.clientAuth',
    ]);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  test('of tokenExchange', () => {
    const clientAuth = { method: 'client_secret_post', clientId: 'a', clientSecret: secret } as const;
    const given = { id: 'a', displayName: 'A', tokenUrl: 'https://as.example/token', clientAuth };
    expect(problemsOf(() => tokenExchange(given))).toEqual([]);
    expect(problemsOf(() => tokenExchange({ ...given, grant: 'on-behalf-of', subjectToken: 'id_token' }))).toEqual([
      "subjectToken: must be 'access_token' with grant 'on-behalf-of'",
    ]);
  });
});

test('two routes with one upstream id are refused: their tokens would be mixed up', () => {
  const auth = mcpOAuth({
    issuer: 'https://gateway.example',
    oidc: { issuer: 'https://idp.example' },
    browserLogin: { clientId: 'a', clientSecret: 'b' },
    storage: memoryStorage(),
    secret: 'a secret of this test, which is long enough',
  });
  const upstream = userOAuth({ id: 'files', displayName: 'Files' });
  auth.proxy('/files', { target: 'https://files.example/mcp', upstream });
  expect(problemsOf(() => auth.proxy('/other', { target: 'https://other.example/mcp', upstream }))).toEqual([
    "upstream.id: the upstream id 'files' is that of /files already: each upstream needs its own",
  ]);
});
