/** Where the browser signs in (OpenID Connect Core section 3.1.2): a page that asks for a name only, or nobody is asked. */
import type { ProviderContext } from './context.ts';
import { randomToken } from './logins.ts';
import type { Answer } from './misbehaviour.ts';
import { escapeHtml, pageAnswer, type RecordedRequest, redirectAnswer } from './request.ts';

/** Its own name: cookies ignore the port, so everything on 127.0.0.1 shares the jar. */
export const sessionCookie = 'idp_session';

/** @param person signs in whoever the browser is, without a page */
export function authorize(context: ProviderContext, request: RecordedRequest, person?: string): Answer {
  const { client, misbehave } = context;
  const { query } = request;
  const redirectUri = query.get('redirect_uri') ?? '';
  if (query.get('client_id') !== client.id) return errorPage('invalid_client');
  if (!client.redirectUris.includes(redirectUri)) return errorPage('invalid_redirect_uri');

  const issuerParameter = context.metadata.authorization_response_iss_parameter_supported === true;
  const answer = (parameters: Readonly<Record<string, string | undefined>>, headers?: Record<string, string>) =>
    redirectAnswer(
      redirectUri,
      { state: query.get('state') ?? undefined, ...(issuerParameter && { iss: context.issuer }), ...parameters },
      headers,
    );

  const problem = requestProblem(context, request);
  if (problem !== undefined) return answer({ error: problem });
  if (misbehave.authorize !== undefined) return answer({ iss: context.issuer, ...misbehave.authorize });
  if (request.form.get('action') === 'cancel') return answer({ error: 'access_denied' });

  const prompts = (query.get('prompt') ?? '').split(' ');
  const signedIn = prompts.includes('login') ? undefined : sessionOf(request);
  const user = person ?? request.form.get('login') ?? context.signInAs() ?? signedIn;
  if (user === undefined) {
    return prompts.includes('none') ? answer({ error: 'login_required' }) : signInPage(200, query.get('login_hint'));
  }
  if (!Object.hasOwn(context.users, user)) return signInPage(400, user, '<p>Unknown user</p>');

  const scopes = scopesOf(query);
  const code = context.logins.begin({
    user,
    scopes,
    nonce: query.get('nonce') ?? undefined,
    redirectUri,
    codeChallenge: query.get('code_challenge') ?? undefined,
    authTime: context.now(),
    sid: randomToken(),
    isOffline: isOffline(context, query),
  });
  const cookie = `${sessionCookie}=${encodeURIComponent(user)}; Path=/; HttpOnly; SameSite=Lax`;
  return answer({ code }, { 'set-cookie': cookie });
}

function requestProblem({ behaviour }: ProviderContext, { query, search }: RecordedRequest): string | undefined {
  if (query.get('response_type') !== 'code') return 'unsupported_response_type';
  if (query.has('resource') && behaviour.resource === 'refused') return 'invalid_target';
  if (query.has('code_challenge') && query.get('code_challenge_method') !== 'S256') return 'invalid_request';
  const rawScope = /[?&]scope=([^&]*)/.exec(search)?.[1] ?? '';
  if (behaviour.scopeSeparator === '%20' && rawScope.includes('+')) return 'invalid_scope';
  if (scopesOf(query).some((scope) => behaviour.refusedScopes.includes(scope))) return 'invalid_scope';
  return undefined;
}

function scopesOf(query: URLSearchParams): string[] {
  return (query.get('scope') ?? '').split(' ').filter(Boolean);
}

function isOffline({ behaviour }: ProviderContext, query: URLSearchParams): boolean {
  const asked = scopesOf(query).includes('offline_access');
  const consented = (query.get('prompt') ?? '').split(' ').includes('consent');
  switch (behaviour.refreshToken) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'offline_access':
      return asked;
    case 'offline_access and prompt=consent':
      return asked && consented;
    case 'access_type=offline':
      return query.get('access_type') === 'offline' && consented;
  }
}

/** The person whom this browser signed in as before. */
function sessionOf({ headers }: RecordedRequest): string | undefined {
  const found = (headers.cookie ?? '').split(/; */).find((pair) => pair.startsWith(`${sessionCookie}=`));
  const name = found?.slice(sessionCookie.length + 1);
  return name ? decodeURIComponent(name) : undefined;
}

function signInPage(status: number, name: string | null, notice = ''): Answer {
  const form = `<form method="post"><label>User <input name="login" value="${escapeHtml(name ?? '')}"></label>
<button name="action" value="login">Sign in</button> <button name="action" value="cancel">Cancel</button></form>`;
  return pageAnswer(status, `<h1>Sign in</h1>${notice}${form}`);
}

function errorPage(error: string): Answer {
  return pageAnswer(400, `<h1>Error</h1><p>${escapeHtml(error)}</p>`);
}
