import { errors } from 'oidc-provider';
import type { Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Pages } from '../shared/pages/pages.ts';
import { authorizationError, unprovenRedirect } from './error-page.ts';
import type { ProviderHooks } from './provider-configuration.ts';

type Hook<Name extends keyof ProviderHooks> = ProviderHooks[Name];

/** A hook of a stage that serves every issuer. */
type OfIssuer<Name extends keyof ProviderHooks> =
  Hook<Name> extends (...given: infer Given) => infer Answer ? (issuer: Issuer, ...given: Given) => Answer : never;

export interface IssuerHookOptions {
  readonly identities: Identities;
  readonly pages: Pages;
  readonly extensionGrants: Pick<ProviderHooks, 'extensionGrants' | 'extensionMetadata'>;
  /** Why a refresh must not have this resource; undefined where it may. */
  readonly checkRefreshResource: (
    requested: unknown,
    granted: unknown,
  ) => 'resource_not_granted' | 'several_resources' | undefined;
  readonly decideRefresh: OfIssuer<'decideRefresh'>;
  readonly sessionSeconds: Hook<'sessionSeconds'>;
  readonly silentGrant: OfIssuer<'silentGrant'>;
  readonly sessionSuffices: OfIssuer<'sessionSuffices'>;
  readonly grantUsed: OfIssuer<'grantUsed'>;
  readonly allowClient: ((metadata: Readonly<Record<string, unknown>>) => boolean) | undefined;
  readonly clients: {
    readonly checks: { readonly check: Hook<'checkClientMetadata'>; readonly registered: Hook<'registeredClient'> };
    readonly lifetime: { readonly used: OfIssuer<'clientUsed'> };
    readonly isProven: OfIssuer<'mayRedirectErrors'>;
    readonly loaded: { readonly find: Hook<'loadClient'> };
    readonly fetcher: {
      readonly fetch: Hook<'fetch'>;
      readonly mayFetch: Hook<'mayFetchMetadataDocument'>;
      readonly failureOf: Hook<'fetchFailure'>;
    };
  };
}

/** What oidc-provider asks other stages, for one issuer. */
export function createIssuerHooks(options: IssuerHookOptions): (issuer: Issuer) => ProviderHooks {
  const { identities, pages, clients } = options;
  return (issuer) => ({
    ...options.extensionGrants,
    identityClaims: async (accountId) => {
      const identity = await identities.find(issuer, accountId);
      return identity && { idp: { iss: identity.iss, sub: identity.sub }, roles: identity.roles };
    },
    findAccount: async (accountId) => ((await identities.find(issuer, accountId)) ? { accountId } : undefined),
    beforeRotation({ requestedResource, grantedResource }) {
      const problem = options.checkRefreshResource(requestedResource, grantedResource);
      if (problem === 'several_resources') throw new errors.InvalidTarget('only one resource may be requested');
      if (problem) throw new errors.InvalidTarget('resource was not granted');
    },
    decideRefresh: (request) => options.decideRefresh(issuer, request),
    sessionSeconds: options.sessionSeconds,
    renderErrorPage: ({ code, description, failure, leadsTo, flowId, req, uiLocales }) => {
      const error =
        leadsTo === undefined ? authorizationError(code, description, failure) : unprovenRedirect(code, leadsTo);
      const content = { ...error, flowId };
      return pages.render({ req, issuer }, 'error', content, { uiLocales });
    },
    mayRedirectErrors: (clientId, redirectUri) => clients.isProven(issuer, clientId, redirectUri),
    silentGrant: (request) => options.silentGrant(issuer, request),
    sessionSuffices: (demand) => options.sessionSuffices(issuer, demand),
    checkClientMetadata: clients.checks.check,
    allowClient: options.allowClient,
    loadClient: clients.loaded.find,
    registeredClient: clients.checks.registered,
    clientUsed: (clientId) => clients.lifetime.used(issuer, clientId),
    grantUsed: (grantId) => options.grantUsed(issuer, grantId),
    fetchFailure: clients.fetcher.failureOf,
    fetch: clients.fetcher.fetch,
    mayFetchMetadataDocument: clients.fetcher.mayFetch,
  });
}
