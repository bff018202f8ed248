import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';
import * as oidc from 'openid-client';
import { kindOf, type OptionReader } from '../shared/option-reader.ts';
import type { ClientKeyOptions } from './login-options.ts';

/** How this server proves at the token endpoint which client it is (OpenID Connect Core section 9). */
export type ClientAuthentication =
  | { readonly method: 'client_secret_post'; readonly clientSecret: string }
  | { readonly method: 'client_secret_basic'; readonly clientSecret: string; readonly encoding: 'form' | 'none' }
  | { readonly method: 'private_key_jwt'; readonly key: ClientKey }
  | { readonly method: 'none' };

/** A key that signs assertions. */
export interface ClientKey {
  readonly privateKey: CryptoKey;
  readonly keyId: string | undefined;
  readonly header: Readonly<Record<string, string>>;
  readonly audience: 'issuer' | 'token_endpoint';
}

type Algorithm = NonNullable<ClientKeyOptions['algorithm']>;

const algorithms: Readonly<
  Record<Algorithm, { kind: string; curve?: string; importAs: Parameters<KeyObject['toCryptoKey']>[0] }>
> = {
  RS256: { kind: 'rsa', importAs: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } },
  PS256: { kind: 'rsa', importAs: { name: 'RSA-PSS', hash: 'SHA-256' } },
  ES256: { kind: 'ec', curve: 'prime256v1', importAs: { name: 'ECDSA', namedCurve: 'P-256' } },
  ES384: { kind: 'ec', curve: 'secp384r1', importAs: { name: 'ECDSA', namedCurve: 'P-384' } },
  EdDSA: { kind: 'ed25519', importAs: { name: 'Ed25519' } },
};

const methods = ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'none'];

/** @param isOptional nothing must be given */
export function readClientAuthentication(browserLogin: OptionReader, isOptional: boolean): ClientAuthentication {
  const clientSecret = browserLogin.string('clientSecret');
  const key = browserLogin.has('clientKey') ? readClientKey(browserLogin) : undefined;
  const what = methods.map((method) => `'${method}'`).join(', ');
  const given = browserLogin.string('clientAuthMethod', { what, accept: (text) => methods.includes(text) });
  const method = given ?? (browserLogin.has('clientKey') ? 'private_key_jwt' : 'client_secret_post');
  const encodings = { what: "'form' or 'none'", accept: (text: string) => text === 'form' || text === 'none' };
  const encoding = browserLogin.string('clientSecretBasicEncoding', encodings) as 'form' | 'none' | undefined;
  if (!isOptional) checkCredential(browserLogin, method);
  switch (method) {
    case 'none':
      return { method };
    case 'private_key_jwt':
      // Without a key there is a problem already, and this is never used.
      return key ? { method, key } : { method: 'none' };
    case 'client_secret_basic':
      return { method, clientSecret: clientSecret ?? '', encoding: encoding ?? 'form' };
    default:
      return { method: 'client_secret_post', clientSecret: clientSecret ?? '' };
  }
}

function checkCredential(browserLogin: OptionReader, method: string): void {
  const needsSecret = method.startsWith('client_secret');
  const needsKey = method === 'private_key_jwt';
  if (needsSecret && !browserLogin.has('clientSecret')) {
    browserLogin.problem('clientSecret', 'must be given: the client registered at your identity provider');
  }
  if (needsKey && !browserLogin.has('clientKey')) {
    browserLogin.problem('clientKey', "must be given for clientAuthMethod 'private_key_jwt'");
  }
  if (!needsSecret && browserLogin.has('clientSecret')) {
    browserLogin.problem('clientSecret', `must not be given for clientAuthMethod '${method}'`);
  }
  if (!needsKey && browserLogin.has('clientKey')) {
    browserLogin.problem('clientKey', `must not be given for clientAuthMethod '${method}'`);
  }
}

function readClientKey(browserLogin: OptionReader): ClientKey | undefined {
  const options = browserLogin.group('clientKey', [
    'key',
    'algorithm',
    'keyId',
    'header',
    'audience',
  ] satisfies (keyof ClientKeyOptions)[]);
  const known = Object.keys(algorithms);
  const algorithm = options.string('algorithm', {
    what: known.map((name) => `'${name}'`).join(', '),
    accept: (text) => known.includes(text),
  }) as Algorithm | undefined;
  const keyId = options.string('keyId');
  const audience = options.string('audience', {
    what: "'issuer' or 'token_endpoint'",
    accept: (text) => text === 'issuer' || text === 'token_endpoint',
  }) as ClientKey['audience'] | undefined;
  const header = options.value('header') ?? {};
  if (typeof header !== 'object' || Object.values(header).some((value) => typeof value !== 'string')) {
    options.problem('header', `must be an object of strings, got ${kindOf(header)}`);
  }
  const privateKey = readPrivateKey(options, algorithm);
  if (!privateKey) return undefined;
  const jwkId = (options.value('key') as { kid?: unknown }).kid;
  return {
    privateKey,
    keyId: keyId ?? (typeof jwkId === 'string' ? jwkId : undefined),
    header: header as Record<string, string>,
    audience: audience ?? 'issuer',
  };
}

function readPrivateKey(options: OptionReader, algorithm: Algorithm | undefined): CryptoKey | undefined {
  const given = options.value('key');
  const what = 'a private key: PKCS#8 PEM text or a JSON Web Key';
  try {
    const key =
      typeof given === 'string' ? createPrivateKey(given) : createPrivateKey({ key: given as never, format: 'jwk' });
    const named = algorithm ?? (given as { alg?: unknown }).alg ?? defaultAlgorithm(key);
    const found = Object.hasOwn(algorithms, String(named)) ? algorithms[named as Algorithm] : undefined;
    if (!found || found.kind !== key.asymmetricKeyType || found.curve !== key.asymmetricKeyDetails?.namedCurve) {
      options.problem('algorithm', 'does not go with this kind of key');
      return undefined;
    }
    return key.toCryptoKey(found.importAs, false, ['sign']);
  } catch {
    options.problem('key', `must be ${what}, got ${kindOf(given)}`); // What Node throws may quote the key.
    return undefined;
  }
}

function defaultAlgorithm(key: KeyObject): Algorithm | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType !== 'ec') return undefined;
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'ES384' : 'ES256';
}

/** For openid-client. */
export function clientAuthOf(authentication: ClientAuthentication): oidc.ClientAuth {
  switch (authentication.method) {
    case 'none':
      return oidc.None();
    case 'client_secret_post':
      return oidc.ClientSecretPost(authentication.clientSecret);
    case 'client_secret_basic':
      return authentication.encoding === 'form'
        ? oidc.ClientSecretBasic(authentication.clientSecret)
        : plainBasic(authentication.clientSecret);
    case 'private_key_jwt':
      return signedAssertion(authentication.key);
  }
}

/** Id and secret as they are: some providers do not decode what RFC 6749 section 2.3.1 encodes. */
function plainBasic(clientSecret: string): oidc.ClientAuth {
  return (_server, client, _body, headers) => {
    const credentials = Buffer.from(`${client.client_id}:${clientSecret}`).toString('base64');
    headers.set('authorization', `Basic ${credentials}`);
  };
}

function signedAssertion({ privateKey, keyId, header, audience }: ClientKey): oidc.ClientAuth {
  return (server, client, body, headers) => {
    const sign = oidc.PrivateKeyJwt(
      { key: privateKey, ...(keyId !== undefined && { kid: keyId }) },
      {
        [oidc.modifyAssertion]: (protectedHeader, payload) => {
          Object.assign(protectedHeader, header);
          if (audience === 'token_endpoint') payload.aud = server.token_endpoint as string;
        },
      },
    );
    return sign(server, client, body, headers);
  };
}
