import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { ProviderContext } from './context.ts';
import type { RecordedRequest } from './request.ts';

export type ClientProblem = 'invalid_client' | 'invalid_request';

/** `token_endpoint_auth_method` values that are told apart. */
export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';

/** The method that a request uses; undefined where it uses none or several (RFC 6749 section 2.3). */
function methodOf({ headers, form }: RecordedRequest): ClientAuthMethod | undefined {
  const used: ClientAuthMethod[] = [];
  if (headers.authorization !== undefined) used.push('client_secret_basic');
  if (form.has('client_secret')) used.push('client_secret_post');
  if (form.has('client_assertion')) used.push('private_key_jwt');
  if (used.length === 0 && form.has('client_id')) used.push('none');
  return used.length === 1 ? used[0] : undefined;
}

/** Checks which client sends a token request. Assertions work once (RFC 7523 section 3). */
export function createClientCheck(
  context: ProviderContext,
): (request: RecordedRequest) => Promise<ClientProblem | undefined> {
  const { client, issuer, metadata, profile } = context;
  const usedAssertions = new Set<string>();
  // RFC 8414 section 2: basic, where the document says nothing.
  const given = metadata.token_endpoint_auth_methods_supported ?? profile.clientAuthMethods?.value;
  const supported: readonly unknown[] = Array.isArray(given) ? given : ['client_secret_basic'];

  async function isOwnAssertion(assertion: string): Promise<boolean> {
    try {
      const { payload } = await jwtVerify(assertion, createLocalJWKSet(client.jwks as unknown as JSONWebKeySet), {
        issuer: client.id,
        subject: client.id,
        audience: [String(metadata.token_endpoint), issuer],
        requiredClaims: ['jti', 'exp'],
        currentDate: new Date(context.now() * 1000),
      });
      const jti = String(payload.jti);
      return !usedAssertions.has(jti) && usedAssertions.add(jti).has(jti);
    } catch {
      return false;
    }
  }

  return async (request) => {
    const { headers, form } = request;
    const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
    if (request.method !== 'POST' || !isForm) return 'invalid_request';
    const method = methodOf(request);
    if (method === undefined) return 'invalid_request';
    if (method !== 'none' && !supported.includes(method)) return 'invalid_client';
    const isOwn = form.get('client_id') === client.id;
    switch (method) {
      case 'none':
        return isOwn && client.isPublic ? undefined : 'invalid_client';
      case 'client_secret_post':
        return isOwn && form.get('client_secret') === client.secret ? undefined : 'invalid_client';
      case 'client_secret_basic':
        return isBasic(headers.authorization, client.id, client.secret) ? undefined : 'invalid_client';
      case 'private_key_jwt':
        return (await isOwnAssertion(form.get('client_assertion') ?? '')) ? undefined : 'invalid_client';
    }
  };
}

/** RFC 6749 section 2.3.1: id and secret are form-encoded first. */
function isBasic(authorization: string | undefined, id: string, secret: string): boolean {
  const encoded = /^Basic (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
  const [givenId = '', givenSecret = ''] = Buffer.from(encoded, 'base64').toString().split(':');
  const decode = (text: string) => new URLSearchParams(`text=${text}`).get('text');
  return decode(givenId) === id && decode(givenSecret) === secret;
}
