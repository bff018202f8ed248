/** Discovery, key set, userinfo and logout. */
import { sessionCookie } from './authorization-endpoint.ts';
import { type ProviderContext, releasedClaims } from './context.ts';
import type { Answer } from './misbehaviour.ts';
import { jsonAnswer, pageAnswer, type RecordedRequest, redirectAnswer } from './request.ts';

/** OpenID Connect Discovery section 4. */
export function sendMetadata({ metadata }: ProviderContext): Answer {
  return jsonAnswer(200, metadata);
}

/** RFC 7517 section 5. */
export function sendKeySet({ behaviour, publicKeys }: ProviderContext): Answer {
  const keys = publicKeys().map(({ alg, ...key }) => (behaviour.keysNameAlgorithm ? { ...key, alg } : key));
  return jsonAnswer(200, { keys });
}

/** OpenID Connect Core section 5.3. */
export function sendUserinfo(context: ProviderContext, { headers }: RecordedRequest): Answer {
  const token = /^(?:Bearer|token) (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
  const login = context.logins.find('access', token);
  const user = login && context.users[login.user];
  if (login === undefined || user === undefined) {
    return jsonAnswer(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
  }
  // GitHub's rule for every request to its API.
  if (context.behaviour.tokenAnswers === 'github' && headers['user-agent'] === undefined)
    return jsonAnswer(403, { message: 'Request forbidden by administrative rules.' });
  return jsonAnswer(200, releasedClaims(context, user.userinfo ?? user.idToken, login.scopes));
}

/** Ends the browser's session here, and sends the browser back only to where the client is known to be. */
export function signOut({ behaviour, client }: ProviderContext, { query, form }: RecordedRequest): Answer {
  const parameter = (name: string) => query.get(name) ?? form.get(name) ?? undefined;
  const target = parameter(behaviour.logout === 'rp-initiated' ? 'post_logout_redirect_uri' : behaviour.logout);
  const isIdentified =
    behaviour.logout === 'TargetResource' ||
    parameter('client_id') === client.id ||
    parameter('id_token_hint') !== undefined;
  const headers = { 'set-cookie': `${sessionCookie}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0` };
  if (target === undefined) return pageAnswer(200, '<h1>Signed out</h1>', headers);
  if (!isIdentified || !client.postLogoutRedirectUris.includes(target))
    return pageAnswer(400, '<h1>Error</h1><p>invalid_request</p>', headers);
  return redirectAnswer(target, { state: parameter('state') }, headers);
}
