import type * as oidc from 'openid-client';

/** ID tokens leave the token answer before openid-client reads it: they are verified here, in one way, with their signature. */
export interface IdTokenSlot {
  idToken?: unknown;
  /** Member `user`, by which WorkOS tells more of a person than its tokens do. */
  user?: unknown;
}

/** Error codes of an answer; Okta's API names them otherwise. */
function errorOf({ error, errorCode }: Record<string, unknown>): unknown {
  return error ?? errorCode;
}

/**
 * An answer that is no success, by what its body says: openid-client looks no further than the challenge of a 401 (RFC 6749
 * section 5.2), and so would not tell a refresh token that is over from another failure.
 */
async function refusalOf(response: Response): Promise<Response> {
  const { status } = response;
  if (status < 400 || status >= 500) return response;
  const text = await response.text();
  const headers = new Headers(response.headers);
  let error: unknown;
  try {
    error = errorOf(Object(JSON.parse(text)) as Record<string, unknown>);
  } catch {
    // No JSON: openid-client says so.
  }
  if (typeof error !== 'string' || error === '') return new Response(text, { status, headers });
  headers.delete('www-authenticate');
  return new Response(JSON.stringify({ error }), { status, headers });
}

/** @returns `fetch` that puts the ID token of a good answer into the slot */
export function takingIdToken(fetch: oidc.CustomFetch, slot: IdTokenSlot): oidc.CustomFetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (!response.ok) return refusalOf(response);
    const text = await response.text();
    const { status, headers } = response;
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return new Response(text, { status, headers });
    }
    if (typeof body !== 'object' || body === null) return new Response(text, { status, headers });
    const { id_token: idToken, ...rest } = body as Record<string, unknown>;
    slot.idToken = idToken;
    slot.user = rest.user;
    // WorkOS leaves it out (RFC 6749 section 5.1: required).
    rest.token_type ??= 'Bearer';
    // GitHub sends errors with status 200.
    const isError = typeof rest.error === 'string' && rest.access_token === undefined;
    return new Response(JSON.stringify(rest), {
      status: isError ? 400 : status,
      headers: { 'content-type': headers.get('content-type') ?? '' },
    });
  };
}
