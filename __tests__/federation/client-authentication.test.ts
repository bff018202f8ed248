import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type BrowserLoginOptions, ConfigurationError } from '../../lib/index.ts';
import { resolveOptions } from '../../lib/resolve-options.ts';
import { type ProviderClient, startProviderClient } from './provider-support.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const ed25519 = generateKeyPairSync('ed25519');
const pem = ({ privateKey }: { privateKey: typeof rsa.privateKey }) =>
  String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
const jwk = ({ privateKey }: { privateKey: typeof rsa.privateKey }) => privateKey.export({ format: 'jwk' }) as object;

let client: ProviderClient;

describe('this server at the token endpoint of the identity provider', () => {
  afterEach(() => client.close());

  it('sends its secret in the body unless told otherwise (RFC 6749 section 2.3.1)', async () => {
    client = await startProviderClient({ clientSecret: 'a:b c+ä%' });
    await client.signIn();

    expect(client.tokenRequest().form.get('client_secret')).toBe('a:b c+ä%');
    expect(client.tokenRequest().headers.authorization).toBeUndefined();
  });

  it('encodes id and secret in a Basic header, or leaves them as they are where the provider wants that (RFC 6749 section 2.3.1)', async () => {
    client = await startProviderClient({ clientSecret: 'a:b c+ä%' });
    const browserLogin = { clientAuthMethod: 'client_secret_basic', clientSecret: 'a:b c+ä%' } as const;
    await client.signIn({ browserLogin });
    expect(client.tokenRequest().form.has('client_secret')).toBe(false);

    const plain = { ...browserLogin, clientSecretBasicEncoding: 'none' } as const;
    await client.signIn({ browserLogin: plain }).catch(() => undefined); // This provider decodes.
    const header = String(client.tokenRequest().headers.authorization).replace('Basic ', '');
    expect(Buffer.from(header, 'base64').toString()).toBe(`${client.idp.clientId}:a:b c+ä%`);
  });

  it('sends no credential as a public client: PKCE protects the code (RFC 9700 section 2.1.1)', async () => {
    client = await startProviderClient({ isPublicClient: true });
    await client.signIn({ browserLogin: { clientAuthMethod: 'none' } });
    const { form, headers } = client.tokenRequest();

    expect([form.has('client_secret'), form.has('client_assertion'), headers.authorization]).toEqual([
      false,
      false,
      undefined,
    ]);
    expect(form.get('code_verifier')).toMatch(/^v+$/);
  });

  it.each<[string, typeof rsa, NonNullable<BrowserLoginOptions['clientKey']>, string]>([
    ['an RSA key', rsa, { key: pem(rsa) }, 'RS256'],
    ['an RSA key with PSS', rsa, { key: pem(rsa), algorithm: 'PS256' }, 'PS256'],
    ['a P-256 key as JWK', p256 as never, { key: { ...jwk(p256), kid: 'key-1' } }, 'ES256'],
    ['a P-384 key', p384 as never, { key: pem(p384) }, 'ES384'],
    ['an Ed25519 key', ed25519 as never, { key: pem(ed25519) }, 'Ed25519'],
  ])('signs an assertion with %s (RFC 7523 section 2.2)', async (_name, keys, clientKey, algorithm) => {
    const published = { ...keys.publicKey.export({ format: 'jwk' }), kid: 'key-1' };
    client = await startProviderClient({ clientJwks: { keys: [published] } });
    const login = { clientKey: { keyId: 'key-1', header: { 'x5t#S256': 'thumbprint' }, ...clientKey } };
    expect(
      (await client.signIn({ browserLogin: { clientAuthMethod: 'private_key_jwt', ...login } })).identity.sub,
    ).toBe('alice');

    const assertion = String(client.tokenRequest().form.get('client_assertion'));
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: algorithm, kid: 'key-1', 'x5t#S256': 'thumbprint' });
    expect(decodeJwt(assertion)).toMatchObject({ iss: client.idp.clientId, sub: client.idp.clientId });
    expect(decodeJwt(assertion).aud).toBe(client.idp.issuer);
  });

  it('addresses the assertion to the token endpoint where the provider wants that', async () => {
    client = await startProviderClient({ clientJwks: { keys: [p256.publicKey.export({ format: 'jwk' }) as never] } });
    const clientKey = { key: pem(p256 as never), audience: 'token_endpoint' } as const;
    await client.signIn({ browserLogin: { clientAuthMethod: 'private_key_jwt', clientKey } });

    expect(decodeJwt(String(client.tokenRequest().form.get('client_assertion'))).aud).toBe(
      `${client.idp.issuer}/token`,
    );
  });

  it('never sends resource, unless told to (RFC 8707 section 2)', async () => {
    client = await startProviderClient();
    await client.signIn();
    expect(client.tokenRequest().form.has('resource')).toBe(false);

    const resource = 'https://api.acme.example';
    await client.signIn({ browserLogin: { resource } }).catch(() => undefined);
    expect(client.tokenRequest().form.get('resource')).toBe(resource);
  });
});

describe('options of client authentication', () => {
  const problemsOf = (browserLogin: Record<string, unknown>): string[] => {
    try {
      resolveOptions({ oidc: { issuer: 'https://idp.example' }, browserLogin: { clientId: 'id', ...browserLogin } });
      return [];
    } catch (error) {
      if (error instanceof ConfigurationError)
        return error.problems.map(({ option, message }) => `${option}: ${message}`);
      throw error;
    }
  };

  it.each<[string, Record<string, unknown>, string]>([
    ['no secret', {}, 'browserLogin.clientSecret: must be given: the client registered at your identity provider'],
    [
      'an unknown method',
      { clientAuthMethod: 'client_secret_jwt', clientSecret: 's' },
      "browserLogin.clientAuthMethod: must be 'client_secret_post', 'client_secret_basic', 'private_key_jwt', 'none', got string",
    ],
    [
      'no key',
      { clientAuthMethod: 'private_key_jwt' },
      "browserLogin.clientKey: must be given for clientAuthMethod 'private_key_jwt'",
    ],
    [
      'a secret for a public client',
      { clientAuthMethod: 'none', clientSecret: 's' },
      "browserLogin.clientSecret: must not be given for clientAuthMethod 'none'",
    ],
    [
      'a key that is none',
      { clientKey: { key: 'a secret text' } },
      'browserLogin.clientKey.key: must be a private key: PKCS#8 PEM text or a JSON Web Key, got string',
    ],
    [
      'a public key',
      { clientKey: { key: p256.publicKey.export({ format: 'jwk' }) } },
      'browserLogin.clientKey.key: must be a private key: PKCS#8 PEM text or a JSON Web Key, got object',
    ],
    [
      'an algorithm of another kind of key',
      { clientKey: { key: pem(rsa), algorithm: 'ES256' } },
      'browserLogin.clientKey.algorithm: does not go with this kind of key',
    ],
    [
      'a parameter of the protocol',
      { clientSecret: 's', authorizationParameters: { state: 'x' } },
      'browserLogin.authorizationParameters.state: cannot be set: the protocol decides it, or an option of its own',
    ],
  ])('say what is wrong, and never show a key: %s', (_name, browserLogin, problem) => {
    const problems = problemsOf(browserLogin);
    expect(problems).toEqual([problem]);
    expect(problems.join()).not.toContain('a secret text');
  });
});
