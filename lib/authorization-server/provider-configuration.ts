import type { IncomingMessage } from 'node:http';
import type { JWK } from 'jose';
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { cookieNames } from '../shared/cookie-names.ts';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { EventSink } from '../shared/events.ts';
import type { ExtensionGrant } from '../shared/extension-grant.ts';
import { flowIdOf } from '../shared/flow-id.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import type { OidcClient, OidcProvider } from '../shared/oidc-provider.ts';
import { recordId } from '../shared/record-ids.ts';
import { canonicalResource, type Resource, type Resources } from '../shared/resources.ts';
import { checkClientAssertion } from './client-assertion.ts';
import { demandOf, interactionPolicy, type SessionDemand } from './interaction-policy.ts';
import { answering, type ProviderAdapter } from './provider-adapter.ts';
import { type DecideRefresh, requireUser, slides } from './refresh-decision.ts';
import type { RefreshRotation } from './refresh-rotation.ts';
import { loginParameters } from './request-parameters.ts';
import { recallRecord } from './request-records.ts';
import { settleWrites } from './token-writes.ts';

/** Hooks of other stages that oidc-provider calls; `mcp-oauth.ts` joins them. */
export interface ProviderHooks {
  /** The account of a subject; undefined ends every refresh of that user. */
  /** What a JWT, or introspection by a resource server, says of the user besides `sub`. */
  readonly identityClaims: (accountId: string) => Promise<Record<string, unknown> | undefined>;
  readonly findAccount: (accountId: string) => Promise<{ accountId: string } | undefined>;
  /** Runs when a refresh token passed every check, right before it is consumed; throws to refuse without using it up. */
  readonly beforeRotation: (request: { requestedResource: unknown; grantedResource: unknown }) => void;
  /** What is said of the user behind a refresh that passed every other check. */
  readonly decideRefresh: DecideRefresh;
  /** Lifetimes, seconds. */
  readonly sessionSeconds: (loginAt: number | undefined) => number;
  readonly renderErrorPage: (error: {
    code: string;
    description: string | undefined;
    /** Why the client's document or keys could not be fetched in this request. */
    failure: { url: string; reason: string } | undefined;
    /** Where the answer would go, if the person wants it to. */
    leadsTo?: string;
    /** See the event of the same request. */
    flowId: string;
    req: IncomingMessage;
    uiLocales: unknown;
  }) => {
    body: string;
    headers: Record<string, string>;
  };
  /** Whether errors may go to this redirect URI by themselves: the operator set the client up, or somebody approved it. */
  readonly mayRedirectErrors: (clientId: string, redirectUri: string) => Promise<boolean>;
  /** A grant for what the person has approved before, where it need not be approved again. */
  readonly silentGrant: (request: {
    provider: OidcProvider;
    req: IncomingMessage;
    client: OidcClient;
    params: Readonly<Record<string, unknown>>;
    accountId: string;
    signInId: string | undefined;
    flowId: string;
  }) => Promise<string | undefined>;
  /** Whether a browser's session is recent enough, and of a login that the resource accepts. */
  readonly sessionSuffices: (demand: SessionDemand) => Promise<boolean>;
  /** Checks and completes client metadata from DCR, CIMD and the store; throws with a public description. */
  readonly checkClientMetadata: (metadata: Record<string, unknown>) => void;
  readonly fetch: (url: string | URL, options: object) => Promise<Response>;
  readonly mayFetchMetadataDocument: (url: string) => Promise<boolean>;
  /** What could not be fetched while this request was served. */
  readonly fetchFailure: (request: object) => { url: string; reason: string; isRefusal: boolean } | undefined;
  /** Grants that oidc-provider does not know. */
  readonly extensionGrants: readonly ExtensionGrant[];
  /** Members of the authorization server metadata for them. */
  readonly extensionMetadata: Readonly<Record<string, unknown>>;
  /** The app's last word on a metadata document. */
  readonly allowClient: ((metadata: Readonly<Record<string, unknown>>) => boolean) | undefined;
  /** The app's own clients; rejects while it cannot tell. */
  readonly loadClient: (clientId: string) => Promise<object | undefined>;
  /** A client that registered itself, as it lies in the store, without what no registration gives. */
  readonly registeredClient: (metadata: Record<string, unknown>) => Record<string, unknown>;
  /** A client got a token: its registration lives on. */
  readonly clientUsed: (clientId: string) => Promise<void>;
  /** A refresh succeeded under a grant. */
  readonly grantUsed: (grantId: string) => Promise<void>;
}

export interface ProviderSettings {
  readonly issuer: Issuer;
  readonly paths: EndpointPaths;
  readonly resources: Resources;
  readonly keyRing: KeyRing;
  readonly signingKeys: readonly JWK[];
  readonly adapter: (model: string) => ProviderAdapter;
  readonly hooks: ProviderHooks;
  readonly rotation: RefreshRotation;
  readonly events: EventSink;
  readonly accessTokenTtlSeconds: number;
  readonly refreshTokenTtlSeconds: number;
  readonly stateTtlSeconds: number;
  readonly cimdEnabled: boolean;
  readonly accessTokenFormat: 'opaque' | 'jwt';
  /** Resource servers among the fixed clients. */
  readonly introspectionClients: readonly string[];
  readonly dpop: boolean;
  readonly dpopRequireNonce: boolean;
  /** Dynamic client registration. */
  readonly enabled: boolean;
  readonly initialAccessToken: string | undefined;
  readonly fixedClients: readonly object[];
}

/** A resource as oidc-provider knows it: what its access tokens are like. */
export function resourceServerOf(
  resource: Resource,
  settings: Pick<ProviderSettings, 'issuer' | 'accessTokenTtlSeconds' | 'accessTokenFormat'>,
) {
  return {
    scope: resource.grantableScopes.join(' '),
    audience: canonicalResource(settings.issuer, resource),
    accessTokenTTL: resource.accessTokenTtlSeconds ?? settings.accessTokenTtlSeconds,
    accessTokenFormat: resource.accessTokenFormat ?? settings.accessTokenFormat,
    jwt: { sign: { alg: 'ES256' } },
  };
}

/** Every feature of oidc-provider, on or off, so that a new default of theirs changes nothing here. */
function features(settings: ProviderSettings): Configuration['features'] {
  const { hooks, issuer, resources, keyRing } = settings;
  const off = { enabled: false } as const;
  const ownTokensOnly = (_ctx: unknown, client: { clientId: string }, token: { clientId?: string }) =>
    token.clientId === client.clientId;
  const introspectable: typeof ownTokensOnly = (ctx, client, token: { clientId?: string; kind?: string }) =>
    ownTokensOnly(ctx, client, token) ||
    (settings.introspectionClients.includes(client.clientId) && token.kind === 'AccessToken');
  return {
    devInteractions: off,
    dPoP: settings.dpop
      ? {
          enabled: true,
          allowReplay: false,
          nonceSecret: keyRing.derive('dpop nonce'),
          requireNonce: () => settings.dpopRequireNonce,
        }
      : off,
    backchannelLogout: off,
    ciba: off,
    mTLS: off,
    attestClientAuth: off,
    claimsParameter: off,
    clientCredentials: off,
    deviceFlow: off,
    encryption: off,
    fapi: off,
    rpInitiatedLogout: off,
    jwtIntrospection: off,
    jwtResponseModes: off,
    pushedAuthorizationRequests: {
      enabled: true,
      requirePushedAuthorizationRequests: false,
      allowUnregisteredRedirectUris: false,
    },
    registrationManagement: off,
    richAuthorizationRequests: off,
    requestObjects: off,
    rpMetadataChoices: off,
    userinfo: off,
    jwtUserinfo: off,
    webMessageResponseMode: off,
    externalSigningSupport: off,
    introspection: { enabled: true, allowedPolicy: introspectable },
    revocation: { enabled: true, allowedPolicy: ownTokensOnly },
    registration: settings.enabled
      ? { enabled: true, initialAccessToken: settings.initialAccessToken ?? false, issueRegistrationAccessToken: false }
      : off,
    clientIdMetadataDocument: settings.cimdEnabled
      ? {
          enabled: true,
          ack: 'draft-02',
          allowFetch: (_ctx: unknown, url: string) => hooks.mayFetchMetadataDocument(url),
          allowClient: (_ctx: unknown, client: { metadata(): Record<string, unknown> }) =>
            hooks.allowClient?.(client.metadata()) ?? true,
          // Only what our own cache calls fresh: a stale copy speaks for one request at a time.
          cacheDuration: { min: 0, max: 86_400 },
        }
      : off,
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource(_ctx: unknown, _client: unknown, oneOf?: string[]) {
        if (oneOf) return oneOf;
        const implied = resources.implied();
        if (!implied) throw new errors.InvalidTarget('resource is required: this server protects several');
        return canonicalResource(issuer, implied);
      },
      getResourceServerInfo(ctx: { oidc: { params?: Record<string, unknown> } }, indicator: string) {
        const resource = resources.resolve(issuer, indicator);
        if (!resource || Array.isArray(ctx.oidc.params?.resource)) {
          throw new errors.InvalidTarget(
            resource ? 'only one resource may be requested' : 'resource is not served here',
          );
        }
        return resourceServerOf(resource, settings);
      },
    },
  } as unknown as Configuration['features'];
}

function lifetimes(settings: ProviderSettings): Configuration['ttl'] {
  const { accessTokenTtlSeconds, refreshTokenTtlSeconds, stateTtlSeconds } = settings;
  return {
    AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? accessTokenTtlSeconds,
    AuthorizationCode: 60,
    // The grant outlives everything issued under it: the login may take stateTtl, the last access token its own lifetime.
    Grant: refreshTokenTtlSeconds + stateTtlSeconds + accessTokenTtlSeconds,
    IdToken: accessTokenTtlSeconds,
    Interaction: stateTtlSeconds,
    // A family ends a fixed time after the login: the successor inherits what is left, unless its user was confirmed
    // (DESIGN 4.3).
    RefreshToken: (ctx) => {
      const left = slides(ctx) ? undefined : ctx?.oidc.entities.RotatedRefreshToken?.remainingTTL;
      return Math.max(1, left ?? refreshTokenTtlSeconds);
    },
    Session: (_ctx, session) => settings.hooks.sessionSeconds(session.loginTs),
  };
}

/** Every scope of every resource, and `offline_access`, which belongs in the server's metadata only (MCP 2026-07-28, Refresh Tokens). */
function allScopes(resources: Resources): string[] {
  return [...new Set([...resources.all().flatMap((resource) => resource.grantableScopes), 'offline_access'])];
}

/** The whole configuration of one issuer's provider. */
export function providerConfiguration(settings: ProviderSettings): Configuration {
  const { hooks, issuer, keyRing, paths } = settings;
  const names = cookieNames(issuer);
  const cookie = { httpOnly: true, sameSite: 'lax', secure: issuer.isSecure, signed: true, overwrite: true } as const;
  return {
    adapter: settings.adapter as never,
    clients: settings.fixedClients.map((client) => ({ ...client })) as never,
    jwks: { keys: settings.signingKeys.map((key) => ({ ...key })) as never },
    routes: {
      authorization: paths.authorization,
      token: paths.token,
      registration: paths.registration,
      revocation: paths.revocation,
      introspection: paths.introspection,
      jwks: paths.jwks,
      pushed_authorization_request: paths.pushedAuthorizationRequest,
      end_session: paths.endSession,
    },
    cookies: {
      keys: keyRing.cookies as never,
      names: { session: names.session, interaction: names.interaction, resume: names.resume },
      long: { ...cookie, path: '/' },
      short: cookie,
    },
    features: features(settings),
    discovery: { ...hooks.extensionMetadata },
    ttl: lifetimes(settings),
    scopes: allScopes(settings.resources),
    claims: {},
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
    },
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'Ed25519', 'EdDSA'],
      idTokenSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA', 'Ed25519'],
    },
    extraClientMetadata: {
      properties: ['software_id', 'software_version', 'token_endpoint_auth_methods_supported', 'resource_scopes'],
      validator(_ctx, key, _value, metadata) {
        if (key === 'software_id') hooks.checkClientMetadata(metadata as Record<string, unknown>);
      },
    },
    extraParams: [...loginParameters],
    pkce: { required: () => true },
    clientBasedCORS: () => false, // CORS is answered before a request comes here.
    allowOmittingSingleRegisteredRedirectUri: false,
    clockTolerance: 5,
    conformIdTokenClaims: true,
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    async rotateRefreshToken(ctx) {
      const token = ctx.oidc.entities.RefreshToken;
      hooks.beforeRotation({ requestedResource: ctx.oidc.params?.resource, grantedResource: token?.resource });
      const { authMethod } = (token && recallRecord(recordId(issuer, token.jti))) ?? {};
      if (authMethod !== undefined && authMethod !== ctx.oidc.client?.tokenEndpointAuthMethod) {
        throw new errors.InvalidClientAuth('the client authenticated otherwise when it got this token');
      }
      await requireUser(ctx as never, hooks.decideRefresh, settings.events);
      settings.rotation.beforeUse(ctx as never);
      return true;
    },
    revokeGrantPolicy: () => true,
    // Every authorization has a grant of its own: revoking one installation of a client leaves the others.
    async loadExistingGrant(ctx) {
      const grantId = ctx.oidc.result?.consent?.grantId ?? (await rememberedGrant(ctx, settings));
      return grantId ? ctx.oidc.provider.Grant.find(grantId) : undefined;
    },
    async findAccount(_ctx, accountId) {
      const account = await answering(settings.events, hooks.findAccount(accountId));
      return account && { accountId: account.accountId, claims: async () => ({ sub: account.accountId }) };
    },
    interactions: {
      policy: interactionPolicy((demand) => answering(settings.events, hooks.sessionSuffices(demand))),
      url: (_ctx, interaction) => `${issuer.pathPrefix}${paths.interaction}/${interaction.uid}`,
    },
    assertJwtClientAuthClaimsAndHeader: async (_ctx, claims) => checkClientAssertion(claims, issuer, paths),
    renderError(ctx, out) {
      const { body, headers } = hooks.renderErrorPage({
        code: out.error,
        description: out.error_description,
        failure: hooks.fetchFailure(ctx),
        flowId: ctx.oidc?.entities.Interaction?.cid ?? flowIdOf(ctx),
        req: ctx.req,
        uiLocales: ctx.oidc?.params?.ui_locales ?? ctx.query.ui_locales,
      });
      for (const [name, value] of Object.entries(headers)) ctx.set(name, value);
      ctx.body = body;
    },
    fetch: hooks.fetch as never,
    fetchResponseBodyLimits: { jwks_uri: 65_536, 'client_id metadata document': 5120 } as never,
    extraTokenClaims: async (_ctx, token) => {
      const { accountId, resourceServer } = token as {
        accountId?: string;
        resourceServer?: { accessTokenFormat?: string };
      };
      const isJwt = resourceServer?.accessTokenFormat === 'jwt' && accountId !== undefined;
      if (!isJwt) return undefined;
      await settleWrites(); // An opaque token's own write waits for the others; a JWT has none.
      return answering(settings.events, hooks.identityClaims(accountId));
    },
    formats: {
      customizers: {
        // The grant, so that a JWT can be revoked like any other token.
        jwt: (_ctx: unknown, token: object, parts: { payload: object }) =>
          Object.assign(parts.payload, { gid: (token as { grantId?: string }).grantId }),
      },
    } as never,
    pairwiseIdentifier: () => {
      throw new errors.InvalidRequest('pairwise subjects are not served');
    },
    sectorIdentifierUriValidate: () => false,
  } as Configuration;
}

/** A grant without asking, for a new request of somebody who is signed in: the consent stage says whether there is one. */
async function rememberedGrant(ctx: KoaContextWithOIDC, settings: ProviderSettings): Promise<string | undefined> {
  const { account, client, session, result, params = {} } = ctx.oidc;
  if (result !== undefined || !account || !client || !session?.accountId) return undefined;
  if (!(await answering(settings.events, settings.hooks.sessionSuffices(demandOf(ctx.oidc))))) return undefined;
  const request = {
    provider: ctx.oidc.provider as unknown as OidcProvider,
    req: ctx.req,
    client: client as unknown as OidcClient,
    params,
    accountId: session.accountId,
    signInId: session.acr,
    flowId: flowIdOf(ctx),
  };
  return answering(settings.events, settings.hooks.silentGrant(request));
}
