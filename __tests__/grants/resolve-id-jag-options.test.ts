import { describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair } from 'jose';
import { describeClientProblem } from '../../lib/clients/client-checks.ts';
import { ConfigurationError, type McpOAuthOptions, memoryStorage } from '../../lib/index.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';

const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const acme = { issuer: 'https://acme.okta.com' };
const issuer = 'https://mcp.example.com';

function resolve(options: object) {
  const common = { issuer, oidc: acme, browserLogin: { clientId: 'id', clientSecret: 'secret' } };
  const given = { ...common, storage: memoryStorage(), ...options } as McpOAuthOptions;
  return resolveOptions(given, {}, describeClientProblem);
}

/** Every problem, as `option: message`. */
function problemsOf(options: object): string[] {
  try {
    resolve(options);
  } catch (error) {
    if (error instanceof ConfigurationError)
      return error.problems.map(({ option, message }) => `${option}: ${message}`);
    throw error;
  }
  return [];
}

const trusting = (trusted: object, more: object = {}) => ({
  idJag: { trustedIssuers: [{ ...acme, ...trusted }], ...more },
});

describe('idJag', () => {
  it('is off where it is left out, and has its defaults where it is not', () => {
    expect(resolve({}).idJag).toBeUndefined();
    expect(resolve(trusting({})).idJag).toMatchObject({
      trustedIssuers: [{ ...acme, algorithms: expect.arrayContaining(['ES256', 'RS256', 'EdDSA']) }],
      maxLifetimeSeconds: 300,
      clockToleranceSeconds: 60,
      replay: 'single-use',
      allowPublicClients: false,
    });
  });

  it.each<[string, object, string]>([
    ['no issuers', { idJag: {} }, 'idJag.trustedIssuers: must name at least one issuer'],
    ['an empty list', { idJag: { trustedIssuers: [] } }, 'idJag.trustedIssuers: must name at least one issuer'],
    ['one that is no list', { idJag: { trustedIssuers: acme } }, 'idJag.trustedIssuers: must be an array, got object'],
    ['an issuer without a name', { idJag: { trustedIssuers: [{}] } }, 'idJag.trustedIssuers[0].issuer: must be given'],
    [
      'an issuer that is no URL',
      trusting({ issuer: 'acme' }),
      'idJag.trustedIssuers[0].issuer: must be an http(s) URL',
    ],
    [
      'an issuer with a query',
      trusting({ issuer: 'https://acme.okta.com?x' }),
      'idJag.trustedIssuers[0].issuer: must be',
    ],
    ['this server', trusting({ issuer }), 'idJag.trustedIssuers[0].issuer: must be another server'],
    ['an issuer twice', { idJag: { trustedIssuers: [acme, acme] } }, 'idJag.trustedIssuers: names an issuer twice'],
    [
      'a misspelled name',
      trusting({ jwksUri: 'https://acme.okta.com/keys' }),
      'idJag.trustedIssuers[0].jwksUri: is not an option; did you mean',
    ],
    [
      'keys twice',
      trusting({ jwksUrl: 'https://a.example', jwks: { keys: [{ kty: 'EC' }] } }),
      'idJag.trustedIssuers[0].jwksUrl: must not be given beside jwks',
    ],
    [
      'a symmetric key',
      trusting({ jwks: { keys: [{ kty: 'oct', k: 'x' }] } }),
      'idJag.trustedIssuers[0].jwks: must be a set of public',
    ],
    [
      'a private key',
      trusting({ jwks: { keys: [{ kty: 'EC', d: 'x' }] } }),
      'idJag.trustedIssuers[0].jwks: must be a set of public',
    ],
    ['no keys', trusting({ jwks: { keys: [] } }), 'idJag.trustedIssuers[0].jwks: must be a set of public'],
    [
      'an HMAC',
      trusting({ algorithms: ['HS256'] }),
      'idJag.trustedIssuers[0].algorithms: must be an array of asymmetric',
    ],
    [
      'no signature',
      trusting({ algorithms: ['none'] }),
      'idJag.trustedIssuers[0].algorithms: must be an array of asymmetric',
    ],
    ['no algorithm', trusting({ algorithms: [] }), 'idJag.trustedIssuers[0].algorithms: must name at least one'],
    [
      'clients that are a list',
      trusting({ clients: ['agent'] }),
      'idJag.trustedIssuers[0].clients: must map client ids',
    ],
    [
      'a client without id',
      trusting({ clients: { agent: '' } }),
      'idJag.trustedIssuers[0].clients: must map client ids',
    ],
    [
      'a resource that is neither path nor URL',
      trusting({ resources: ['mcp'] }),
      'idJag.trustedIssuers[0].resources: must be',
    ],
    ['two scopes in one', trusting({ allowedScopes: ['a b'] }), 'idJag.trustedIssuers[0].allowedScopes: must be'],
    [
      'a mapping that is none',
      trusting({ mapIdentity: {} }),
      'idJag.trustedIssuers[0].mapIdentity: must be a function',
    ],
    [
      'a subject that is no function',
      trusting({ subjectOf: 'sub' }),
      'idJag.trustedIssuers[0].subjectOf: must be a function',
    ],
    ['too long a life', trusting({}, { maxLifetimeSeconds: 3601 }), 'idJag.maxLifetimeSeconds: must be an integer'],
    [
      'too much tolerance',
      trusting({}, { clockToleranceSeconds: 301 }),
      'idJag.clockToleranceSeconds: must be an integer',
    ],
    ['another kind of replay', trusting({}, { replay: 'always' }), "idJag.replay: must be 'single-use' or"],
    ['a text for a switch', trusting({}, { allowPublicClients: 'no' }), 'idJag.allowPublicClients: must be a boolean'],
  ])('%s is refused at start', (_what, options, problem) => {
    expect(problemsOf(options)).toEqual([expect.stringContaining(problem)]);
  });

  it('tells every problem at once, and no value', () => {
    const found = problemsOf(
      trusting({ issuer: 'secret-one', algorithms: ['secret-two'] }, { replay: 'secret-three' }),
    );
    expect(found).toHaveLength(3);
    expect(found.join()).not.toContain('secret');
  });

  it('takes public keys of its issuers', async () => {
    const { publicKey } = await generateKeyPair('ES256');
    expect(problemsOf(trusting({ jwks: { keys: [await exportJWK(publicKey)] } }))).toEqual([]);
  });
});

describe('the grants of a configured client', () => {
  const having = (client: object, idJag?: object) => ({
    clients: [{ client_id: 'one', ...client }],
    ...(idJag && { idJag: { trustedIssuers: [acme], ...idJag } }),
  });
  const secret = { client_secret: 'a secret of the client' };

  it.each<[string, object, string[]]>([
    [
      'client_credentials with a secret, without redirect URI',
      having({ ...secret, grant_types: ['client_credentials'] }),
      [],
    ],
    ['jwt-bearer beside idJag', having({ ...secret, grant_types: [jwtBearer] }, {}), []],
    [
      'jwt-bearer without authentication, where it is allowed',
      having({ grant_types: [jwtBearer] }, { allowPublicClients: true }),
      [],
    ],
    ['the grants of people need a redirect URI', having(secret), ['clients[0].redirect_uris: is required']],
    [
      'both need one, too',
      having({ ...secret, grant_types: ['authorization_code', 'client_credentials'] }),
      ['clients[0].redirect_uris: is required'],
    ],
    [
      'client_credentials need authentication',
      having({ grant_types: ['client_credentials'] }),
      ['clients[0].grant_types: may hold client_credentials only'],
    ],
    [
      'jwt-bearer needs idJag',
      having({ ...secret, grant_types: [jwtBearer] }),
      ['clients[0].grant_types: may hold jwt-bearer only'],
    ],
    [
      'jwt-bearer needs authentication',
      having({ grant_types: [jwtBearer] }, {}),
      ['clients[0].grant_types: may hold jwt-bearer without'],
    ],
    [
      'others there are none',
      having({ ...secret, grant_types: ['password'] }),
      ['clients[0].grant_types: must be an array of authorization_code', 'clients[0].redirect_uris: is required'],
    ],
    [
      'scopes by resource',
      having({
        ...secret,
        grant_types: ['client_credentials'],
        resource_scopes: { '/mcp': ['a'], 'https://x.example/mcp': [] },
      }),
      [],
    ],
    [
      'scopes by something else',
      having({ ...secret, grant_types: ['client_credentials'], resource_scopes: { mcp: ['a'] } }),
      ['clients[0].resource_scopes: must map resources to scopes'],
    ],
    [
      'scopes as text',
      having({ ...secret, grant_types: ['client_credentials'], resource_scopes: { '/mcp': 'a b' } }),
      ['clients[0].resource_scopes: must map resources to scopes'],
    ],
    [
      'scopes of a client of people',
      having({ ...secret, redirect_uris: ['https://a.example/cb'], resource_scopes: { '/mcp': ['a'] } }),
      ['clients[0].resource_scopes: is for clients'],
    ],
  ])('%s', (_what, options, problems) => {
    const found = problemsOf(options);
    expect(found).toEqual(problems.map((problem) => expect.stringContaining(problem)));
  });
});
