import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { type PreparedDocument, prepareDocument } from '../shared/document.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';

/**
 * Members without meaning here, where no ID token or claim reaches a client. `subject_types_supported` and
 * `id_token_signing_alg_values_supported` stay: OpenID Connect Discovery section 3 requires them, and clients validate.
 */
const meaningless = [
  'claims_supported',
  'claim_types_supported',
  'claims_parameter_supported',
  'request_uri_parameter_supported',
];

/**
 * The authorization server metadata (RFC 8414 section 2), asked of the provider once, so that it says what really is
 * configured; serialised once, and served in every well-known form.
 */
export async function readMetadata(
  provider: OidcProvider,
  callback: ReturnType<OidcProvider['callback']>,
  issuer: Issuer,
): Promise<PreparedDocument> {
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  request.url = '/.well-known/oauth-authorization-server';
  Object.assign(request, { originalUrl: `${issuer.pathPrefix}${request.url}` });
  request.headers = {
    host: issuer.host,
    'x-forwarded-proto': issuer.isSecure ? 'https' : 'http',
    accept: 'application/json',
  };
  const response = new ServerResponse(request);
  let text = '';
  response.end = ((chunk?: unknown) => {
    if (chunk !== undefined) text += String(chunk);
    return response;
  }) as typeof response.end;
  await callback(request, response);
  const document = JSON.parse(text) as Record<string, unknown>;
  if (response.statusCode !== 200 || document.issuer !== provider.issuer)
    throw new Error('the provider gave no metadata');
  for (const name of meaningless) delete document[name];
  // oidc-provider always adds it; clients that request everything listed would ask for an ID token that nobody issues.
  document.scopes_supported = (document.scopes_supported as string[]).filter((scope) => scope !== 'openid');
  document.response_modes_supported = ['query'];
  return prepareDocument(document);
}
