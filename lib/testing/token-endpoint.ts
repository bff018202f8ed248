/** Codes and refresh tokens for tokens (RFC 6749 sections 4.1.3 and 6, RFC 7636, OpenID Connect Core section 3.1.3). */
import { createHash, randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { type ClientProblem, createClientCheck } from './client-authentication.ts';
import { type ProviderContext, releasedClaims } from './context.ts';
import { randomToken, type SimulatedLogin } from './logins.ts';
import type { Answer } from './misbehaviour.ts';
import { jsonAnswer, type RecordedRequest } from './request.ts';

const tokenSeconds = 3600;

type TokenProblem = ClientProblem | 'invalid_grant' | 'unsupported_grant_type';

export function createTokenEndpoint(context: ProviderContext): (request: RecordedRequest) => Promise<Answer> {
  const checkClient = createClientCheck(context);
  return async (request) => {
    const problem = await checkClient(request);
    if (problem !== undefined) return errorAnswer(context, request, problem);
    switch (request.form.get('grant_type')) {
      case 'authorization_code': {
        const login = redeem(context, request.form);
        if (login === undefined) return errorAnswer(context, request, 'invalid_grant');
        return tokenAnswer(context, request, login, await tokensOf(context, login, login.nonce));
      }
      case 'refresh_token': {
        const presented = request.form.get('refresh_token') ?? '';
        const login = context.logins.find('refresh', presented);
        if (login === undefined || !Object.hasOwn(context.users, login.user))
          return errorAnswer(context, request, 'invalid_grant');
        const isKept = !context.behaviour.refreshRotates;
        if (!isKept) context.logins.revoke('refresh', presented);
        const { refresh_token: next, id_token: idToken, ...rest } = await tokensOf(context, login, undefined, isKept);
        return tokenAnswer(context, request, login, {
          ...rest,
          ...(next !== undefined && { refresh_token: next }),
          ...(context.behaviour.refreshIdToken && idToken !== undefined && { id_token: idToken }),
        });
      }
      default:
        return errorAnswer(context, request, 'unsupported_grant_type');
    }
  };
}

function redeem({ logins, now }: ProviderContext, form: URLSearchParams): SimulatedLogin | undefined {
  const login = logins.redeem(form.get('code') ?? '', now());
  if (login === undefined || form.get('redirect_uri') !== login.redirectUri) return undefined;
  const verifier = form.get('code_verifier');
  const challenge = verifier === null ? undefined : createHash('sha256').update(verifier).digest('base64url');
  return challenge === login.codeChallenge ? login : undefined;
}

async function tokensOf(
  context: ProviderContext,
  login: SimulatedLogin,
  nonce: string | undefined,
  keepRefreshToken = false,
): Promise<Record<string, unknown>> {
  const { behaviour, logins, sign } = context;
  const accessToken = behaviour.accessToken === 'jwt' ? await sign(accessClaims(context, login)) : undefined;
  const hasIdToken = behaviour.idToken && login.scopes.includes('openid');
  return {
    access_token: logins.issue('access', login, accessToken),
    token_type: 'Bearer',
    expires_in: tokenSeconds,
    scope: login.scopes.join(' '),
    ...(hasIdToken && { id_token: await idTokenOf(context, login, nonce) }),
    ...(login.isOffline && !keepRefreshToken && { refresh_token: logins.issue('refresh', login) }),
  };
}

/** What a good ID token says, before any misbehaviour. */
async function idTokenOf(
  context: ProviderContext,
  login: SimulatedLogin,
  nonce: string | undefined,
): Promise<string | undefined> {
  const { behaviour, client, misbehave, sign } = context;
  const claims: JWTPayload = {
    ...protocolClaims(context),
    aud: client.id,
    auth_time: login.authTime,
    ...(nonce !== undefined && { nonce }),
    ...(behaviour.authorizedParty && { azp: client.id }),
    ...(behaviour.backChannelLogout && { sid: login.sid }),
    ...releasedClaims(context, context.users[login.user]?.idToken ?? {}, login.scopes),
  };
  return misbehave.idToken === undefined ? sign(claims) : misbehave.idToken(claims, sign);
}

function accessClaims(context: ProviderContext, login: SimulatedLogin): JWTPayload {
  const { idToken, accessToken } = context.users[login.user] ?? { idToken: {} };
  return {
    ...protocolClaims(context),
    jti: randomToken(),
    client_id: context.client.id,
    ...context.resolve(accessToken ?? { sub: idToken.sub }),
  };
}

function protocolClaims({ issuer, now }: ProviderContext): JWTPayload & { iat: number; exp: number } {
  const iat = now();
  return { iss: issuer, iat, exp: iat + tokenSeconds };
}

function tokenAnswer(
  context: ProviderContext,
  request: RecordedRequest,
  login: SimulatedLogin,
  tokens: Record<string, unknown>,
): Answer {
  switch (context.behaviour.tokenAnswers) {
    case 'json':
      return jsonAnswer(200, tokens);
    case 'github':
      return githubAnswer(request, { ...tokens, token_type: 'bearer', scope: login.scopes.join(',') });
    case 'workos': {
      const { access_token, refresh_token } = tokens;
      const { userinfo, idToken } = context.users[login.user] ?? { idToken: {} };
      return jsonAnswer(200, {
        user: userinfo ?? idToken,
        authentication_method: 'Password',
        access_token,
        refresh_token,
      });
    }
  }
}

function errorAnswer(context: ProviderContext, request: RecordedRequest, error: TokenProblem): Answer {
  const body = { error, error_description: 'the test identity provider refuses this request' };
  if (context.behaviour.tokenAnswers === 'github') {
    return githubAnswer(request, { ...body, error: error === 'invalid_grant' ? 'bad_verification_code' : error });
  }
  if (context.behaviour.tokenErrors === 'aadsts') return entraError(context, error);
  const isUnknownClient = error === 'invalid_client' && request.form.get('client_id') !== context.client.id;
  if (context.behaviour.tokenErrors === 'errorCode' && isUnknownClient && request.headers.authorization === undefined)
    return jsonAnswer(401, {
      errorCode: 'invalid_client',
      errorSummary: "Invalid value for 'client_id' parameter.",
      errorLink: 'invalid_client',
      errorId: randomToken(),
      errorCauses: [],
    });
  const isBasic = request.headers.authorization !== undefined;
  const challenge: Record<string, string> = isBasic ? { 'www-authenticate': 'Basic realm="token"' } : {};
  return error === 'invalid_client' ? jsonAnswer(401, body, challenge) : jsonAnswer(400, body);
}

/** Numbered, over several lines, with ids to look the request up by. */
function entraError({ now }: ProviderContext, error: TokenProblem): Answer {
  const code = error === 'invalid_client' ? 7000215 : error === 'invalid_grant' ? 70008 : 900144;
  const [traceId, correlationId] = [randomUUID(), randomUUID()];
  const timestamp = `${new Date(now() * 1000).toISOString().slice(0, 19).replace('T', ' ')}Z`;
  const lines = [`AADSTS${code}: refused.`, `Trace ID: ${traceId}`, `Correlation ID: ${correlationId}`];
  return jsonAnswer(error === 'invalid_client' ? 401 : 400, {
    error,
    error_description: [...lines, `Timestamp: ${timestamp}`].join('\r\n'),
    error_codes: [code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${code}`,
  });
}

/** A form, with status 200 also for errors, unless the request accepts JSON. */
function githubAnswer({ headers }: RecordedRequest, { id_token: _, ...body }: Record<string, unknown>): Answer {
  if (headers.accept?.includes('application/json')) return jsonAnswer(200, body);
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) form.set(name, String(value));
  return { status: 200, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form.toString() };
}
