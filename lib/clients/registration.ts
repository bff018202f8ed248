import { type ClientMetadataProblem, narrowClientMetadata } from './client-metadata.ts';
import type { RedirectPolicy } from './redirect-uri.ts';

const authMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const displayUrls = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'];
const texts = ['software_id', 'software_version'];
const maxTextLength = 2048;

/** What oidc-provider takes for a contact. RFC 7591 section 2 also allows others, such as a URL: they are dropped. */
const emailAddress = /^[\w.!#$%&'*+/=?^`{|}~-]+@[a-z\d-]+(?:\.[a-z\d-]+)*$/i;

/** Text that every store can keep and every page show: well-formed, without control characters. */
function isPlain(text: string): boolean {
  return text.length <= maxTextLength && !/[\p{Cc}\p{Cs}]/u.test(text);
}

/** A JSON value without the texts in it that no store can keep (U+0000, lone surrogates). */
function storable(value: unknown): unknown {
  const isStorable = (text: string) => !text.includes('\0') && !/\p{Cs}/u.test(text);
  return JSON.parse(JSON.stringify(value), (name, member) =>
    isStorable(name) && (typeof member !== 'string' || isStorable(member)) ? member : undefined,
  );
}

function isWebUrl(value: unknown): value is string {
  if (typeof value !== 'string' || !isPlain(value)) return false;
  const url = URL.parse(value);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && !url.username && !url.password;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && isPlain(value);
}

/**
 * Brings a registration request (RFC 7591 section 3.1) into the form that oidc-provider accepts: tolerant of nulls, empty
 * strings, unknown members, scopes and grants; public unless the body asks for a secret or brings keys.
 * @param body parsed JSON; not changed
 */
export function normalizeRegistration(
  body: Record<string, unknown>,
  policy: RedirectPolicy = {},
): {
  metadata: Record<string, unknown>;
  problem: ClientMetadataProblem | undefined;
} {
  const metadata: Record<string, unknown> = {};
  metadata.client_name = body.client_name; // Cleaned or left out below.
  for (const name of texts) if (isText(body[name])) metadata[name] = body[name];
  for (const name of displayUrls) if (isWebUrl(body[name])) metadata[name] = body[name];
  if (Array.isArray(body.contacts)) {
    const contacts = body.contacts.filter((contact) => isText(contact) && emailAddress.test(contact)).slice(0, 10);
    if (contacts.length > 0) metadata.contacts = contacts;
  }
  metadata.redirect_uris = Array.isArray(body.redirect_uris) ? [...new Set(body.redirect_uris)] : body.redirect_uris;
  metadata.grant_types = body.grant_types;
  const method = body.token_endpoint_auth_method;
  metadata.token_endpoint_auth_method = typeof method === 'string' && authMethods.includes(method) ? method : 'none';
  if (metadata.token_endpoint_auth_method === 'private_key_jwt') {
    for (const name of ['jwks', 'jwks_uri', 'token_endpoint_auth_signing_alg']) {
      if (body[name] !== null && body[name] !== undefined && body[name] !== '') metadata[name] = storable(body[name]);
    }
  }
  const problem = narrowClientMetadata(metadata, policy);
  return { metadata, problem };
}
