import { createAdmin } from './admin/admin.ts';
import { createBrowserEndpoints } from './authorization-server/browser-endpoints.ts';
import { createIdentityAssertions } from './authorization-server/identity-assertion.ts';
import { createIssuerHooks } from './authorization-server/issuer-hooks.ts';
import { createMachineEndpoints } from './authorization-server/machine-endpoints.ts';
import { createProviderSource } from './authorization-server/provider-source.ts';
import { createRateLimits } from './authorization-server/rate-limits.ts';
import { endSession } from './authorization-server/sessions.ts';
import { createKeyList, createKeyRotation, sealedSigningKeys } from './authorization-server/signing-keys.ts';
import { createMetadataEndpoint, isMetadataPath } from './authorization-server/well-known.ts';
import { describeClientProblem } from './clients/client-checks.ts';
import { createClients } from './clients/clients.ts';
import { createConnections } from './consent/connections.ts';
import { createInteractions } from './consent/interaction.ts';
import { createRememberedApprovals } from './consent/remembered-approvals.ts';
import { createSilentGrant } from './consent/silent-grant.ts';
import { createDescribeAssertion, createProviderOf } from './federation/asserted-identity.ts';
import { createBackchannelLogout } from './federation/backchannel-logout.ts';
import { createFinishLogin } from './federation/login.ts';
import { createLoginStates } from './federation/login-state.ts';
import { createLogins } from './federation/logins.ts';
import { createLogout } from './federation/logout.ts';
import { namedLogins } from './federation/resolve-login-options.ts';
import { createSessionCheck } from './federation/session-check.ts';
import { createReadUserIdentity } from './federation/user-identity.ts';
import { createUsers } from './federation/users.ts';
import { createExtensionGrants, grantPolicyOf } from './grants/extension-grants.ts';
import { createGrantLifetime } from './grants/grant-lifetime.ts';
import { createGrants } from './grants/grants.ts';
import { createRefreshGrace } from './grants/refresh-grace.ts';
import { checkRefreshResource } from './grants/refresh-policy.ts';
import { createRevocation, type RevocationSelection } from './grants/revocation.ts';
import { createHandler, type Handler, type Routes } from './handler.ts';
import { createHealth } from './health.ts';
import {
  defaultGraceMs,
  longestTokenSeconds,
  outboundOptions,
  remainingSeconds,
  requireIssuer,
} from './instance-settings.ts';
import type { McpOAuth } from './mcp-oauth-interface.ts';
import { createMount } from './mount.ts';
import type { AuthenticateOptions, McpOAuthOptions, ProxyOptions } from './options.ts';
import { createAccessTokens } from './protected-resource/access-token.ts';
import { createDpopVerifier } from './protected-resource/dpop.ts';
import { createDpopNonces } from './protected-resource/dpop-nonces.ts';
import { createResourceMetadata } from './protected-resource/metadata.ts';
import { createProtection } from './protected-resource/protection.ts';
import { createProxy } from './proxy/proxy.ts';
import { createSessionBinding } from './proxy/session-binding.ts';
import { resolveAuthenticate } from './resolve-authenticate-options.ts';
import { resolveOptions } from './resolve-options.ts';
import { resolveProxy } from './resolve-route-options.ts';
import { createRoutes, type WellKnown } from './routes.ts';
import { createBlocks } from './shared/blocks.ts';
import { endpointPaths } from './shared/endpoint-paths.ts';
import { createEvents } from './shared/events.ts';
import { createCallerFlow } from './shared/flow-id.ts';
import { createIdentities } from './shared/identity.ts';
import type { Issuer } from './shared/issuer.ts';
import { createIssuerResolver } from './shared/issuer-resolver.ts';
import { createOutbound } from './shared/outbound.ts';
import { namedHosts } from './shared/outbound-hosts.ts';
import { createPages } from './shared/pages/pages.ts';
import { sealedProviderTokens } from './shared/provider-tokens.ts';
import { reencrypt } from './shared/reencrypt.ts';
import { createResources } from './shared/resources.ts';
import { clientSecrets } from './shared/sealed-records.ts';
import { createKeyRingSource } from './shared/secrets.ts';
import { createSignIns, sealedSignIns, signInKey } from './shared/sign-ins.ts';
import { createUserPolicy } from './shared/user-policy.ts';
import { createStorageWarnings } from './storage/storage-warnings.ts';
import { createSweeper } from './storage/sweeper.ts';
import { createInstanceTelemetry } from './telemetry/instance-telemetry.ts';
import { sealedUpstreamRecords } from './upstream/sealed-upstream-records.ts';
import { createUpstreams } from './upstream/upstreams.ts';

/**
 * Makes the middleware. Does no I/O: storage is read by the first request or by `ready()`.
 * @example
 * const auth = mcpOAuth({ issuer: 'https://mcp.example.com', oidc: { issuer: 'https://acme.okta.com' }, browserLogin: { clientId, clientSecret } });
 * app.use(auth);
 * app.all('/mcp', auth.authenticate('/mcp'), mcpHandler);
 * @throws ConfigurationError naming every wrong option at once
 */
export function mcpOAuth(options: McpOAuthOptions): McpOAuth {
  const settings = resolveOptions(options, process.env, describeClientProblem);
  const { gateway } = settings;
  const telemetry = createInstanceTelemetry(settings.telemetry);
  const storage = telemetry.storage(settings.storage);
  const outbound = (hosts: readonly string[]) => telemetry.outbound(createOutbound(outboundOptions(settings, hosts)));
  const paths = endpointPaths(gateway.basePath);
  const callerFlow = createCallerFlow(settings.secrets?.[0]);
  const events = createEvents(settings.logger, Date.now, telemetry.event);
  const pages = createPages(settings.pages);
  const keyRing = createKeyRingSource(storage, settings.secrets, events);
  const issuerOf = createIssuerResolver(settings.issuer, settings.origins);
  const resources = createResources(
    settings.issuer?.origin,
    namedLogins(settings.login).flatMap(({ id }) => id ?? []),
  );
  const grantSeconds = gateway.refreshTokenTtlSeconds + settings.stateTtlSeconds + gateway.accessTokenTtlSeconds;
  const identities = createIdentities(storage, grantSeconds + settings.sessionTtlSeconds);
  const blocks = createBlocks(storage, Math.min(1, gateway.tokenCacheSeconds));
  const tokens = createAccessTokens({
    storage,
    identities,
    cacheSeconds: gateway.tokenCacheSeconds,
    jwtRevocationCheck: gateway.jwtRevocationCheck,
    blockOf: blocks.blockOf,
    publicKeys: async (issuer) => (await provider(issuer)).publicKeys,
  });

  const grants = createGrants({ storage, grantSeconds, onEnded: tokens.forget });
  const { sessionTtlSeconds: sessionSeconds } = settings;
  const signIns = createSignIns({ storage, keyRing, sessionSeconds, grantSeconds });
  const sessionSuffices = createSessionCheck(signIns, resources);
  const revocation = createRevocation({ storage, grants, signIns, events });

  const userPolicy = createUserPolicy(settings.authorizeUser);
  const users = createUsers(settings.login, {
    storage,
    keyRing,
    identities,
    events,
    policy: userPolicy,
    alwaysSlides: gateway.refreshTokenSliding,
    tokenSeconds: sessionSeconds + grantSeconds,
    signInOf: grants.signInOf,
    grantLifetime: createGrantLifetime({ grants, signIns }),
    identityProvider: (name) => logins.identityProvider(name),
  });

  const { registration, cimd } = settings.clients;
  const clients = createClients({
    storage,
    events,
    outbound: outbound(cimd.internalHosts),
    grantPolicy: grantPolicyOf(settings.idJag),
    clients: settings.clients,
  });
  const extensionGrants = createExtensionGrants({
    ...settings,
    storage,
    resources,
    identities,
    events,
    describeAssertion: createDescribeAssertion(settings.login),
    providerOf: createProviderOf(settings.login),
    isBlocked: blocks.hasUser,
    userPolicy,
    outboundTo: (urls) => outbound(namedHosts(urls)),
  });
  const provider = createProviderSource({
    storage,
    keyRing,
    events,
    resources,
    paths,
    settings: {
      ...gateway,
      ...registration,
      stateTtlSeconds: settings.stateTtlSeconds,
      fixedClients: settings.clients.fixed,
    },
    configureProvider: settings.configureProvider,
    keyRotation: { minAgeSeconds: settings.keyRotationSeconds, keepSeconds: longestTokenSeconds },
    onGrantDeleted: tokens.forget,
    onStorageRead: createStorageWarnings(storage, (warning) =>
      events.emit({ type: 'configuration.warning', ...warning }),
    ),
    createGrace: (issuer, ring) =>
      gateway.refreshGraceSeconds > 0
        ? createRefreshGrace(storage, issuer, ring, gateway.refreshGraceSeconds)
        : undefined,
    hooks: createIssuerHooks({
      identities,
      pages,
      extensionGrants,
      checkRefreshResource,
      decideRefresh: users.confirm,
      sessionSeconds: (loginAt) => remainingSeconds(loginAt, sessionSeconds),
      silentGrant: (issuer, request) => silentGrant(issuer, request),
      sessionSuffices,
      grantUsed: grants.used,
      allowClient: cimd.allowClient,
      clients,
    }),
  });

  const approvals = createRememberedApprovals(storage, settings.consent.rememberSeconds);
  const { mayRedirect, isOperatorClient } = clients;
  const bindGrant = (issuer: Issuer, grantId: string, signInId: string) =>
    grants.bind(issuer, grantId, signInKey(issuer, signInId));
  const silentGrant = createSilentGrant({
    approvals,
    resources,
    identities,
    events,
    userPolicy,
    bindGrant,
    mayRedirect,
    isReady: (issuer, account, path) => upstreams.connect.isReady(issuer, account, path),
  });
  const interactions = createInteractions({
    provider,
    resources,
    identities,
    keyRing,
    events,
    path: paths.interaction,
    startLogin: (exchange, request) => logins.start(exchange, request),
    approvals,
    bindGrant,
    endSession: (issuer, uid) => endSession(storage, issuer, uid),
    userPolicy,
    isBlocked: blocks.hasUser,
    mayRedirect,
    approved: clients.fetcher.approved,
    pages,
    isOperatorClient,
    upstreams: () => upstreams.connect,
  });
  const upstreams = createUpstreams({
    storage,
    keyRing,
    events,
    pages,
    identities,
    issuerOf,
    paths,
    outbound,
    provider,
    startLogin: (exchange, request) => logins.start(exchange, request),
    continuation: { finish: interactions.resume, fail: interactions.fail },
    providerTokens: users.providerSessions,
    bindGrant,
  });
  const connections = createConnections({
    ...settings,
    provider,
    resources,
    identities,
    keyRing,
    events,
    pages,
    grants,
    upstreams,
    leave: (exchange, signInId) => logout.leave(exchange, signInId),
    endEverything: (issuer, { iss, sub }) => revocation(issuer, { sub, idp: iss }),
    endSession: (issuer, uid) => endSession(storage, issuer, uid),
    isOperatorClient,
    settleSession: (exchange) => logins.settleSession(exchange),
    startLogin: (exchange, request) => logins.start(exchange, request),
    paths,
  });
  const states = createLoginStates(storage, keyRing);
  const finish = createFinishLogin({
    identities,
    signIns,
    events,
    pages,
    complete: connections.completeLogin(upstreams.completeLogin(interactions.complete)),
    admit: interactions.admit,
    keepTokens: users.providerSessions.keep,
    failInteraction: connections.failLogin(interactions.fail),
  });
  const logins = createLogins(settings.login, {
    outbound,
    provider,
    states,
    signIns,
    resources,
    events,
    pages,
    finish,
    paths,
  });
  const logout = createLogout({
    provider,
    identities,
    signIns,
    keyRing,
    events,
    pages,
    path: paths.endSession,
    signedOutPath: paths.signedOut,
    leave: logins.leave,
  });
  const { identityProviders: sources } = logins;
  const backchannelLogout = createBackchannelLogout({ storage, signIns, endGrants: grants.endAll, sources, events });

  const rateLimits = createRateLimits(storage, settings.rateLimits);
  const { registration: registrationEndpoint, ...machineEndpoints } = createMachineEndpoints({
    rateLimits,
    isBlocked: blocks.hasClient,
    provider,
    resources,
    events,
    normalizeRegistration: clients.checks.normalize,
  });
  const wellKnown: WellKnown = {
    isServerMetadata: (path, issuer) => isMetadataPath(path, issuer, resources),
    resourceMetadata: createResourceMetadata(resources, ({ identifier }) => identifier),
  };
  const handlerOf = (routes: Routes) =>
    createHandler({ issuerOf, callerFlow, configured: settings.issuer, events, pages, routes });
  const handler = handlerOf(
    telemetry.routes(
      createRoutes(paths, gateway.endpointAliases, wellKnown, {
        ...machineEndpoints,
        ...(registration.enabled && { registration: registrationEndpoint }),
        ...createBrowserEndpoints({ provider, resources, events, pages, rateLimits, isBlocked: blocks.hasClient }),
        metadata: createMetadataEndpoint(provider),
        interaction: interactions.endpoint,
        connect: upstreams.connect,
        clientJwks: upstreams.clientJwks,
        clientDocument: upstreams.clientDocument,
        connections: connections.endpoint,
        logout: logout.endpoint,
        signedOut: logout.signedOut,
        ...(sources.length > 0 && { backchannelLogout }),
        logins: logins.endpoints,
        settleSession: logins.settleSession,
      }),
      paths,
    ),
  );
  const signingKey = async (issuer: Issuer) => (await provider(issuer)).signingKey;
  const signIdentity = createIdentityAssertions({ issuerOf, signingKey });
  const sessions = createSessionBinding(keyRing);
  const calls = { events, signIdentity, sessions, telemetry: telemetry.sink };
  const protection = createProtection({
    resources,
    tokens,
    events,
    issuerOf,
    callerFlow,
    telemetry: telemetry.sink,
    issuerAt: (origin) => requireIssuer(settings, origin),
    createProxy: (given, path) =>
      createProxy(given, { ...calls, credentials: upstreams.credentialsOf(given, path), resourcePath: path }),
    dpop: gateway.dpop
      ? createDpopVerifier({ storage, nonces: gateway.dpopRequireNonce ? createDpopNonces(keyRing) : undefined })
      : undefined,
  });
  const sealedKinds = [clientSecrets, sealedSigningKeys, sealedSignIns, sealedProviderTokens, ...sealedUpstreamRecords];
  const rotateKeys = createKeyRotation({ storage, keyRing, provider, keepSeconds: longestTokenSeconds });
  const sweeper = createSweeper(storage);
  for (const { path, ...route } of settings.routes) protection.addRoute(path, route);
  for (const resource of settings.resources) resources.declare(resource);

  const mount = createMount(handler, events);
  const middleware: Handler = (req, res, next) =>
    mount.handler(req, res, (error) => (error === undefined ? protection.routes(req, res, next) : next(error)));
  const admin = createAdmin({
    ...{ ...upstreams, storage, events, keyRing, blocks, rotateKeys },
    fixedClients: settings.clients.fixed,
    pages: settings.pages,
    issuerAt: (origin) => requireIssuer(settings, origin),
    listKeys: createKeyList({ storage, keyRing, provider }),
    revoke: revocation,
    endGrant: grants.end,
    forget: tokens.forget,
  });
  return Object.assign(middleware, {
    admin,
    authenticate: (path: string, given?: AuthenticateOptions) =>
      protection.authenticate(path, resolveAuthenticate(path, given)),
    proxy: (path: string, given: ProxyOptions) => protection.proxy(path, resolveProxy(path, given)),
    wellKnown: () => mount.wellKnown(),
    connections: () => handlerOf(() => ({ audience: 'browser', serve: connections.endpoint })),
    provider: async (origin?: string) => (await provider(requireIssuer(settings, origin))).provider,
    verify: protection.verify,
    identity: createReadUserIdentity({ identities, tokens: users.providerSessions, issuerOf }),
    revoke: async (selection: RevocationSelection, origin?: string) =>
      revocation(requireIssuer(settings, origin), selection),
    rotateKeys: async (origin?: string) => ({ rotated: await rotateKeys(requireIssuer(settings, origin)) }),
    reencrypt: async () => reencrypt(storage, await keyRing(), sealedKinds),
    events: { on: events.on, off: events.off },
    ready: async () => void (await (settings.issuer ? provider(settings.issuer) : keyRing())),
    health: createHealth({
      storage,
      keyRing,
      provider,
      issuer: settings.issuer,
      isIdentityProviderReachable: () => sources.every((source) => source.isReachable()),
    }),
    async close({ graceMs = defaultGraceMs } = {}) {
      sweeper.stop();
      await protection.close(graceMs);
      if (options.storage === undefined) await storage.close();
    },
  });
}
