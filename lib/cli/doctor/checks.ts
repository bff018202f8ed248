import type { Check } from './check.ts';
import { approvalPage } from './checks/approval-page.ts';
import { authorizationServers } from './checks/authorization-servers.ts';
import { authorize } from './checks/authorize.ts';
import { challenge } from './checks/challenge.ts';
import { challengeMethods } from './checks/challenge-methods.ts';
import { challengeResourceMetadata } from './checks/challenge-resource-metadata.ts';
import { challengeScope } from './checks/challenge-scope.ts';
import { cimdFetch } from './checks/cimd-fetch.ts';
import { cimdFlag } from './checks/cimd-flag.ts';
import { clockSkew } from './checks/clock-skew.ts';
import { codeFlow } from './checks/code-flow.ts';
import { corsCredentials } from './checks/cors-credentials.ts';
import { corsExposedHeaders } from './checks/cors-exposed-headers.ts';
import { corsMetadata } from './checks/cors-metadata.ts';
import { corsPreflight } from './checks/cors-preflight.ts';
import { endpointUrls } from './checks/endpoint-urls.ts';
import { formAction } from './checks/form-action.ts';
import { forwardedHeaders } from './checks/forwarded-headers.ts';
import { idpCallback } from './checks/idp-callback.ts';
import { idpClientAuth } from './checks/idp-client-auth.ts';
import { idpClock } from './checks/idp-clock.ts';
import { idpDiscovery } from './checks/idp-discovery.ts';
import { idpKeys } from './checks/idp-keys.ts';
import { invalidToken } from './checks/invalid-token.ts';
import { issParameter } from './checks/iss-parameter.ts';
import { issuerMismatch } from './checks/issuer-mismatch.ts';
import { jwks } from './checks/jwks.ts';
import { keyAge } from './checks/key-age.ts';
import { latency } from './checks/latency.ts';
import { loopbackPorts } from './checks/loopback-ports.ts';
import { offlineAccess } from './checks/offline-access.ts';
import { options } from './checks/options.ts';
import { pageFraming } from './checks/page-framing.ts';
import { pkceRequired } from './checks/pkce-required.ts';
import { pkceS256 } from './checks/pkce-s256.ts';
import { publicClients } from './checks/public-clients.ts';
import { publicPort } from './checks/public-port.ts';
import { redirectUris } from './checks/redirect-uris.ts';
import { redisEviction } from './checks/redis-eviction.ts';
import { registration } from './checks/registration.ts';
import { registrationAnswer } from './checks/registration-answer.ts';
import { registrationRemoval } from './checks/registration-removal.ts';
import { registrationTolerance } from './checks/registration-tolerance.ts';
import { resourceMetadata } from './checks/resource-metadata.ts';
import { resourceMismatch } from './checks/resource-mismatch.ts';
import { resourceScopes } from './checks/resource-scopes.ts';
import { serverMetadata } from './checks/server-metadata.ts';
import { serverMetadataForms } from './checks/server-metadata-forms.ts';
import { signingKeys } from './checks/signing-keys.ts';
import { start } from './checks/start.ts';
import { storageExpiry } from './checks/storage-expiry.ts';
import { storageVolatile } from './checks/storage-volatile.ts';
import { storageWrite } from './checks/storage-write.ts';
import { streaming } from './checks/streaming.ts';
import { tlsCertificate } from './checks/tls-certificate.ts';
import { tlsExpiry } from './checks/tls-expiry.ts';
import { tokenErrors } from './checks/token-errors.ts';
import { blockedUserAgents } from './checks/user-agents.ts';
import { weakSecret } from './checks/weak-secret.ts';
import type { Configuration } from './configuration.ts';
import type { Connection } from './connection.ts';
import type { Deployment } from './deployment.ts';

/** Of a URL, before anything is asked. */
export const connectionChecks: readonly Check<Connection>[] = [tlsCertificate, tlsExpiry, publicPort];

/** Of a URL, from outside, in the order of a client’s first visit. The last ones look back at the others. */
export const deploymentChecks: readonly Check<Deployment>[] = [
  challenge,
  challengeMethods,
  challengeResourceMetadata,
  challengeScope,
  invalidToken,
  blockedUserAgents,
  clockSkew,
  resourceMetadata,
  resourceMismatch,
  authorizationServers,
  resourceScopes,
  serverMetadata,
  serverMetadataForms,
  issuerMismatch,
  endpointUrls,
  forwardedHeaders,
  pkceS256,
  publicClients,
  cimdFlag,
  codeFlow,
  offlineAccess,
  jwks,
  corsMetadata,
  corsPreflight,
  corsExposedHeaders,
  corsCredentials,
  registration,
  registrationAnswer,
  registrationTolerance,
  authorize,
  approvalPage,
  pageFraming,
  formAction,
  loopbackPorts,
  redirectUris,
  pkceRequired,
  issParameter,
  cimdFetch,
  idpCallback,
  tokenErrors,
  streaming,
  latency,
  registrationRemoval,
];

/** Of the options, in this process. */
export const configurationChecks: readonly Check<Configuration>[] = [
  options,
  storageWrite,
  storageExpiry,
  storageVolatile,
  redisEviction,
  weakSecret,
  signingKeys,
  start,
  keyAge,
  idpDiscovery,
  idpKeys,
  idpClientAuth,
  idpClock,
];
