import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import * as oidc from 'openid-client';
import { asFetch, type Outbound } from '../shared/outbound.ts';
import { createRemoteDocument } from '../shared/remote-document.ts';
import { clientAuthOf } from './client-authentication.ts';
import { LoginError } from './login-error.ts';
import { isOutage, toLoginError } from './provider-failure.ts';
import type { OidcLogin } from './resolve-login-options.ts';

/** Where the provider answers. */
export interface ProviderEndpoints {
  readonly authorization: string;
  readonly token: string;
  readonly userinfo: string | undefined;
  readonly endSession: string | undefined;
}

/** What is known of one provider and how it is asked. Does no I/O before the first question. */
export interface ProviderConnection {
  /** @throws LoginError */
  endpoints(): Promise<ProviderEndpoints>;
  /** openid-client's settings for one request; `fetch` may change the answer before openid-client reads it. @throws LoginError */
  configuration(fetch?: (fetch: oidc.CustomFetch) => oidc.CustomFetch): Promise<oidc.Configuration>;
  /** Keys of its tokens. @throws LoginError where the key set cannot be had */
  readonly keys: JWTVerifyGetKey;
  /** The object of a 200 answer. @throws LoginError */
  readObject(url: string, what: string, headers?: Record<string, string>): Promise<Record<string, unknown>>;
  /** Whether its last answer, if any was asked for, came and was no outage. */
  isReachable(): boolean;
}

const maxAnswerBytes = 64 * 1024;
const hourMs = 3_600_000;

/** The discovery document, as far as it is used. */
type Metadata = Readonly<Record<string, unknown>>;

function invalid(detail: string, options?: ErrorOptions): LoginError {
  return new LoginError({ reason: 'provider_answer_invalid', detail }, options);
}

/** Only a URL that says where it is can be asked. */
function urlOf(metadata: Metadata, name: string): string | undefined {
  const value = metadata[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !URL.canParse(value)) throw invalid(`its discovery document has no URL as ${name}`);
  return value;
}

function required(url: string | undefined): string {
  if (url === undefined) throw invalid('its discovery document lacks an endpoint');
  return url;
}

export function createProviderConnection(login: OidcLogin, outbound: Outbound): ProviderConnection {
  const send = asFetch(outbound, {
    timeoutMs: login.remoteTimeoutMs,
    maxResponseBytes: maxAnswerBytes,
    allowHttpLoopback: true,
    purpose: 'identity provider',
  }) as unknown as oidc.CustomFetch;
  const needsDiscovery =
    login.protocol === 'oidc' && [login.authorizationUrl, login.tokenUrl, login.jwksUrl].includes(undefined);
  let reachable = true;

  /** Every request goes through here, so that only what the provider did counts, and not what a browser brought. */
  const fetch: oidc.CustomFetch = async (url, init) => {
    try {
      const response = await send(url, init);
      reachable = !isOutage(response.status);
      return response;
    } catch (error) {
      reachable = toLoginError(error).problem.reason !== 'provider_unreachable';
      throw error;
    }
  };

  async function readObject(
    url: string,
    what: string,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    const request = { method: 'GET', headers: { accept: 'application/json', ...headers }, body: undefined };
    const response = await fetch(url, { ...request, redirect: 'manual' }).catch((error: unknown) => {
      throw toLoginError(error);
    });
    if (isOutage(response.status)) {
      throw new LoginError({ reason: 'provider_unreachable', detail: `${what}: status ${response.status}` });
    }
    // The token that went along is refused (RFC 6750 section 3.1). Where none did, it says nothing of any user.
    if (response.status === 401 && 'authorization' in headers)
      throw new LoginError({ reason: 'provider_refused_code', error: 'invalid_token' });
    if (response.status !== 200) throw invalid(`${what}: status ${response.status}`);
    const body: unknown = await response.json().catch((cause: unknown) => {
      throw invalid(`${what}: no JSON`, { cause });
    });
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid(`${what}: no object`);
    return body as Record<string, unknown>;
  }

  const discovery = createRemoteDocument<Metadata>(
    async () => {
      if (!needsDiscovery) return {};
      const url = login.discoveryUrl ?? `${login.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const metadata = await readObject(url, 'discovery document');
      // Byte by byte, as ID tokens are compared: a slash more or less would fail each login (Discovery 1.0 section 4.3).
      if (metadata.issuer !== login.issuer) {
        const isSlash = String(metadata.issuer).replace(/\/$/, '') === login.issuer.replace(/\/$/, '');
        throw invalid(
          `discovery document: its issuer ${isSlash ? 'differs from oidc.issuer by a slash at the end' : 'is another one'}`,
        );
      }
      return metadata;
    },
    { freshMs: hourMs, staleMs: 24 * hourMs, retryMs: 0, failed: toLoginError },
  );

  const keySet = createRemoteDocument<JWTVerifyGetKey>(
    async () => {
      const body = await readObject(login.jwksUrl ?? required(urlOf(await discovery.current(), 'jwks_uri')), 'key set');
      try {
        return createLocalJWKSet(body as unknown as JSONWebKeySet);
      } catch (cause) {
        throw invalid('its key set cannot be read', { cause });
      }
    },
    { retryMs: 0, failed: toLoginError },
  );

  async function endpoints(): Promise<ProviderEndpoints> {
    const metadata = await discovery.current();
    if (needsDiscovery) required(login.jwksUrl ?? urlOf(metadata, 'jwks_uri'));
    return {
      authorization: required(login.authorizationUrl ?? urlOf(metadata, 'authorization_endpoint')),
      token: required(login.tokenUrl ?? urlOf(metadata, 'token_endpoint')),
      userinfo: login.userinfoUrl ?? urlOf(metadata, 'userinfo_endpoint'),
      endSession: login.logout ? (login.logout.url ?? urlOf(metadata, 'end_session_endpoint')) : undefined,
    };
  }

  return {
    endpoints,
    readObject,
    isReachable: () => reachable,

    async configuration(wrap = (inner) => inner) {
      const { authorization, token } = await endpoints();
      const metadata = await discovery.current();
      const configuration = new oidc.Configuration(
        {
          ...metadata,
          issuer: login.issuer,
          authorization_endpoint: authorization,
          token_endpoint: token,
        },
        login.clientId,
        undefined,
        clientAuthOf(login.clientAuthentication),
      );
      configuration.timeout = login.remoteTimeoutMs / 1000;
      configuration[oidc.customFetch] = wrap(fetch);
      oidc.allowInsecureRequests(configuration); // Schemes are the outbound client's to refuse: http only on loopback.
      return configuration;
    },

    /** A key that is not there may be a new one: the set is fetched again, at most every 30 seconds. */
    keys: async (header, input) => {
      const find = await keySet.current();
      try {
        return await find(header, input);
      } catch (error) {
        const isUnknown = (error as { code?: string }).code === 'ERR_JWKS_NO_MATCHING_KEY';
        const findNewer = isUnknown ? await keySet.newer() : undefined;
        if (!findNewer) throw error;
        return findNewer(header, input);
      }
    },
  };
}
