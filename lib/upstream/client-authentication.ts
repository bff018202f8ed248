import { createPrivateKey } from 'node:crypto';
import { importPKCS8 } from 'jose';
import * as oidc from 'openid-client';
import type { Issuer } from '../shared/issuer.ts';
import type { OptionReader } from '../shared/option-reader.ts';
import type { ClientKeys } from './client-keys.ts';
import type { UpstreamClientAuth } from './upstream-options.ts';
import { oneOf } from './user-oauth.ts';

const names = ['method', 'clientId', 'clientSecret', 'privateKeyPem', 'algorithm', 'keyId'];
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];

/** Reads `clientAuth`: how this server proves which client it is (RFC 6749 section 2.3, RFC 7523 section 2.2). */
export function readClientAuth(options: OptionReader): UpstreamClientAuth {
  const group = options.group('clientAuth', names);
  if (!options.has('clientAuth')) options.problem('clientAuth', 'must be given');
  const method = group.string('method', oneOf('client_secret_post', 'client_secret_basic', 'private_key_jwt'));
  const clientId = group.string('clientId') ?? '';
  const clientSecret = group.string('clientSecret');
  const privateKeyPem = group.string('privateKeyPem', { what: 'a private key in PKCS#8 PEM', accept: isPrivateKey });
  const algorithm = group.string('algorithm', oneOf(...algorithms)) as 'RS256' | undefined;
  const keyId = group.string('keyId');
  if (options.has('clientAuth')) {
    for (const name of ['method', 'clientId']) if (!group.has(name)) group.problem(name, 'must be given');
    if (method?.startsWith('client_secret') && !group.has('clientSecret')) {
      group.problem('clientSecret', `must be given for ${method}`);
    }
    if (method === 'private_key_jwt' && group.has('clientSecret')) {
      group.problem('clientSecret', 'must not be given for private_key_jwt');
    }
  }
  if (method !== 'private_key_jwt') {
    return {
      method: (method ?? 'client_secret_post') as 'client_secret_post',
      clientId,
      clientSecret: clientSecret ?? '',
    };
  }
  return {
    method,
    clientId,
    ...(privateKeyPem !== undefined && { privateKeyPem }),
    ...(algorithm !== undefined && { algorithm }),
    ...(keyId !== undefined && { keyId }),
  };
}

function isPrivateKey(text: string): boolean {
  try {
    return text.includes('BEGIN PRIVATE KEY') && createPrivateKey(text).type === 'private';
  } catch {
    return false;
  }
}

/** For openid-client. Assertions name the token endpoint, which every server accepts as their audience (RFC 7523 section 3). */
export async function authenticationOf(
  auth: UpstreamClientAuth,
  issuer: Issuer,
  keys: ClientKeys,
): Promise<oidc.ClientAuth> {
  switch (auth.method) {
    case 'client_secret_post':
      return oidc.ClientSecretPost(auth.clientSecret);
    case 'client_secret_basic':
      return oidc.ClientSecretBasic(auth.clientSecret);
    case 'private_key_jwt': {
      const { privateKeyPem, algorithm = 'RS256', keyId } = auth;
      const key =
        privateKeyPem === undefined
          ? await keys.signingKey(issuer)
          : { key: await importPKCS8(privateKeyPem, algorithm), ...(keyId !== undefined && { kid: keyId }) };
      return (server, client, body, headers) => {
        const sign = oidc.PrivateKeyJwt(key as Parameters<typeof oidc.PrivateKeyJwt>[0], {
          [oidc.modifyAssertion]: (_header, payload) => {
            payload.aud = server.token_endpoint as string;
          },
        });
        return sign(server, client, body, headers);
      };
    }
  }
}
