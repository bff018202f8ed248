export type { AdminOptions } from './admin/admin-options.ts';
export type { RateLimit, RateLimitedAttempt, RateLimitOptions } from './authorization-server/rate-limit-options.ts';
export type { ConsentOptions } from './consent/consent-options.ts';
export type { OAuthErrorCode, OptionProblem } from './errors.ts';
export { ConfigurationError, McpOAuthError, OAuthError } from './errors.ts';
export type { IdentityProviderOptions } from './federation/identity-providers-options.ts';
export type {
  BrowserLoginOptions,
  ClientKeyOptions,
  IdentityOptions,
  LogoutOptions,
  MapIdentity,
  MappedIdentity,
  OfflineAccessRequest,
  OidcOptions,
  RolesClaim,
} from './federation/login-options.ts';
export type { OwnIdentity, OwnLoginOptions } from './federation/own-login-options.ts';
export type { UserIdentity } from './federation/user-identity.ts';
export type { IdJagClaims, IdJagOptions, TrustedIdJagIssuer } from './grants/id-jag-options.ts';
export type { RevocationSelection } from './grants/revocation.ts';
export type { Health } from './health.ts';
export { mcpOAuth } from './mcp-oauth.ts';
export type { McpOAuth } from './mcp-oauth-interface.ts';
export type {
  AuthenticateOptions,
  CimdOptions,
  ClientMetadata,
  GatewayOptions,
  LookupFunction,
  McpOAuthOptions,
  OutboundOptions,
  ProxyOptions,
  RegistrationOptions,
  RemoteResourceOptions,
  RouteOptions,
  SigningKeyOptions,
} from './options.ts';
export type { AuthenticatedRequest, AuthenticatedUser, AuthInfo, Handler } from './protected-resource/authenticate.ts';
export type {
  Call,
  Capabilities,
  CapabilitiesOf,
  CapabilityEntry,
  CapabilityList,
  ForwardingOptions,
  IdentityHeaderOptions,
} from './proxy/proxy-options.ts';
export type { CallingClient } from './shared/caller.ts';
export type {
  Logger,
  McpOAuthEvent,
  McpOAuthEventOutcome,
  McpOAuthEvents,
  McpOAuthEventType,
  McpOAuthListener,
} from './shared/events.ts';
export type { Identity } from './shared/identity.ts';
export type { OidcProvider } from './shared/oidc-provider.ts';
export type { PagesOptions } from './shared/pages/pages-options.ts';
export type { UpstreamCredential } from './shared/upstream-credentials.ts';
export type { AuthorizeUser, UserRequest } from './shared/user-policy.ts';
export type { MemoryStorageOptions } from './storage/memory.ts';
export { memoryStorage } from './storage/memory.ts';
export type { SqliteStorageOptions } from './storage/sqlite.ts';
export { sqliteStorage } from './storage/sqlite.ts';
export type {
  DecidingWrite,
  FoundRecord,
  RecordAddress,
  RecordWrite,
  Storage,
  StorageWarning,
  StoredRecord,
  StoredValue,
  WriteOptions,
} from './storage/storage.ts';
export { StorageUnavailableError } from './storage/storage.ts';
export type { OpenTelemetryApi, TelemetryOptions } from './telemetry/telemetry-options.ts';
export { idJag, tokenExchange } from './upstream/provider-token-upstreams.ts';
export type { HeaderSource } from './upstream/static-headers.ts';
export { staticHeaders } from './upstream/static-headers.ts';
export type {
  IdJagUpstreamOptions,
  SharedOAuthOptions,
  TokenExchangeOptions,
  UpstreamClientAuth,
  UpstreamClientRegistration,
  UpstreamOptions,
  UserOAuthOptions,
} from './upstream/upstream-options.ts';
export { sharedOAuth, userOAuth } from './upstream/user-oauth.ts';
