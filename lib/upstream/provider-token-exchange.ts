import * as oidc from 'openid-client';
import type { Issuer } from '../shared/issuer.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { ProviderTokenSource } from '../shared/provider-tokens.ts';
import type { Caller } from './caller.ts';
import { authenticationOf } from './client-authentication.ts';
import type { ClientKeys } from './client-keys.ts';
import { configurationOf, readTokens } from './oauth-client.ts';
import type { IdJagUpstream, TokenEndpoint, TokenExchangeUpstream } from './provider-token-upstreams.ts';
import { describeUpstreamProblem, toUpstreamError, UpstreamError } from './upstream-problem.ts';
import type { Renewal, UpstreamTokens } from './vault.ts';

const grants = {
  exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  assertion: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
};
const tokenTypes = {
  idJag: 'urn:ietf:params:oauth:token-type:id-jag',
  id_token: 'urn:ietf:params:oauth:token-type:id_token',
  access_token: 'urn:ietf:params:oauth:token-type:access_token',
};

/** How long a token of the login must live for an exchange, seconds. */
const secondsLeft = 20;

/** A short-lived token whose server does not say how short is used for so long, seconds. */
const assumedSeconds = 300;

export interface ExchangeOptions {
  readonly outbound: Outbound;
  readonly keys: ClientKeys;
  readonly providerTokens: Pick<ProviderTokenSource, 'forGrant'>;
  /** A login that a link has asked for, by the grant it is bound to. */
  readonly loginOf: (issuer: Issuer, account: string) => Promise<string | undefined>;
  readonly now?: () => number;
}

/** Gets upstream tokens for what the identity provider gave at the login. */
export interface Exchange {
  idJag(upstream: IdJagUpstream, target: string, caller: Caller): Promise<Renewal>;
  tokenExchange(upstream: TokenExchangeUpstream, caller: Caller): Promise<Renewal>;
}

export function createExchange(options: ExchangeOptions): Exchange {
  const { outbound, keys, providerTokens, loginOf, now = () => Date.now() } = options;

  /** A live token of the caller's login, or of the one that a link has asked for since. */
  async function subjectToken({ issuer, grantId, account }: Caller, token: 'idToken' | 'accessToken') {
    const need = { token, secondsLeft };
    const later = await loginOf(issuer, account);
    for (const grant of [grantId, ...(later === undefined ? [] : [later])]) {
      const kept = await providerTokens.forGrant(issuer, grant, need);
      const endsAt = token === 'idToken' ? kept?.idTokenExpiresAt : kept?.accessTokenExpiresAt;
      if (kept?.[token] !== undefined && (endsAt ?? Number.POSITIVE_INFINITY) > now() / 1000) return kept[token];
    }
    return undefined;
  }

  async function request(
    issuer: Issuer,
    { tokenUrl, clientAuth }: TokenEndpoint,
    grant: string,
    parameters: Record<string, string>,
  ): Promise<oidc.TokenEndpointResponse> {
    const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
    const client = { clientId: clientAuth.clientId, authentication: await authenticationOf(clientAuth, issuer, keys) };
    return oidc.genericGrantRequest(configurationOf(server, client, outbound), grant, parameters);
  }

  function tokensOf(
    answer: oidc.TokenEndpointResponse,
    { tokenUrl, clientAuth }: TokenEndpoint,
    scopes: readonly string[],
  ) {
    const known = { authorizationServer: tokenUrl, clientId: clientAuth.clientId, scopes };
    const { refreshToken: _, ...tokens } = readTokens(answer, known, now());
    return { ...tokens, expiresAt: tokens.expiresAt ?? tokens.issuedAt + assumedSeconds } satisfies UpstreamTokens;
  }

  /** What the identity provider refuses, a new login may mend; what others refuse, nobody here can. */
  async function renewal(work: () => Promise<UpstreamTokens | undefined>): Promise<Renewal> {
    try {
      const tokens = await work();
      return tokens ? { kind: 'renewed', tokens } : { kind: 'ended', reason: 'the login has no live token' };
    } catch (error) {
      if ((error as { code?: unknown }).code === 'storage_unavailable') throw error;
      const { problem } = toUpstreamError(error);
      const reason = describeUpstreamProblem(problem);
      if (problem.reason === 'unreachable') {
        return { kind: 'failed', reason, retryAfterSeconds: problem.retryAfterSeconds };
      }
      return { kind: 'failed', reason, retryAfterSeconds: 10, isFinal: true };
    }
  }

  /** @returns undefined where the identity provider takes the subject token no more (RFC 8693 section 2.2.2) */
  async function asked(work: Promise<oidc.TokenEndpointResponse>): Promise<oidc.TokenEndpointResponse | undefined> {
    try {
      return await work;
    } catch (error) {
      const { problem } = toUpstreamError(error);
      if (problem.reason === 'refused' && problem.error === 'invalid_grant') return undefined;
      throw error;
    }
  }

  return {
    idJag: (upstream, target, caller) =>
      renewal(async () => {
        const idToken = await subjectToken(caller, 'idToken');
        if (idToken === undefined) return undefined;
        const { idp, resourceAs, scopes, scopeDelimiter, resource = withoutQuery(target) } = upstream;
        const scope: Record<string, string> = scopes.length > 0 ? { scope: scopes.join(scopeDelimiter) } : {};
        const issued = await asked(
          request(caller.issuer, idp, grants.exchange, {
            requested_token_type: tokenTypes.idJag,
            subject_token: idToken,
            subject_token_type: tokenTypes.id_token,
            audience: resourceAs.audience,
            resource,
            ...scope,
          }),
        );
        if (!issued) return undefined;
        if (issued.issued_token_type !== tokenTypes.idJag) {
          const detail = 'the identity provider issued no ID-JAG';
          throw new UpstreamError({ reason: 'invalid_answer', detail });
        }
        const parameters = { assertion: issued.access_token, ...(resourceAs.sendScopes && scope) };
        const answer = await request(caller.issuer, resourceAs, grants.assertion, parameters);
        return tokensOf(answer, resourceAs, scopes);
      }),

    tokenExchange: (upstream, caller) =>
      renewal(async () => {
        const { grant, subjectToken: kind, audience, resource, scopes, scopeDelimiter } = upstream;
        const token = await subjectToken(caller, kind === 'id_token' ? 'idToken' : 'accessToken');
        if (token === undefined) return undefined;
        const about = {
          ...(audience !== undefined && { audience }),
          ...(resource !== undefined && { resource }),
          ...(scopes.length > 0 && { scope: scopes.join(scopeDelimiter) }),
        };
        const answer = await asked(
          grant === 'on-behalf-of'
            ? request(caller.issuer, upstream, grants.assertion, {
                assertion: token,
                requested_token_use: 'on_behalf_of',
                ...about,
              })
            : request(caller.issuer, upstream, grants.exchange, {
                subject_token: token,
                subject_token_type: tokenTypes[kind],
                requested_token_type: tokenTypes.access_token,
                ...about,
              }),
        );
        return answer && tokensOf(answer, upstream, scopes);
      }),
  };
}

function withoutQuery(target: string): string {
  const url = new URL(target);
  url.search = '';
  return url.href;
}
