import type { ClientMetadata } from '../options.ts';
import type { EventSink } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Outbound } from '../shared/outbound.ts';
import type { Storage } from '../storage/storage.ts';
import { type ClientChecks, createClientChecks, type GrantPolicy } from './client-checks.ts';
import type { ClientFetcher } from './client-fetcher.ts';
import { type ClientFetchingOptions, createClientFetching } from './client-fetching.ts';
import { type ClientLifetime, createClientLifetime } from './client-lifetime.ts';
import { createLoadedClients, type LoadedClients } from './loaded-clients.ts';
import type { RedirectPolicy } from './redirect-uri.ts';

export interface ClientsOptions {
  readonly storage: Storage;
  readonly events: EventSink;
  /** A client that may reach the internal hosts of `cimd`. */
  readonly outbound: Outbound;
  readonly grantPolicy: GrantPolicy;
  readonly clients: {
    /** Those that the options list. */
    readonly fixed: readonly ClientMetadata[];
    readonly load: ((clientId: string) => Promise<ClientMetadata | undefined>) | undefined;
    readonly registration: RedirectPolicy & {
      readonly clientTtlSeconds: number;
      readonly unusedClientTtlSeconds: number;
      readonly allowRedirect?: ((uri: string) => boolean) | undefined;
    };
    readonly cimd: ClientFetchingOptions['cimd'];
  };
}

/** Clients of one instance, whatever they are known by: registration, metadata document, options or the app's loader. */
export interface Clients {
  readonly checks: ClientChecks;
  readonly lifetime: ClientLifetime;
  readonly loaded: LoadedClients;
  readonly fetcher: ClientFetcher;
  /** The operator's word on a redirect URI now: it may have changed since the client registered. */
  mayRedirect(uri: string): boolean;
  /** Whether the operator set the client up, so that its name can be relied on. */
  isOperatorClient(clientId: string): boolean;
  /** Whether the operator set it up, or somebody has approved it. */
  isProven(issuer: Issuer, clientId: string, redirectUri: string): Promise<boolean>;
}

export function createClients({ storage, events, outbound, grantPolicy, clients }: ClientsOptions): Clients {
  const { registration, cimd, fixed } = clients;
  const checks = createClientChecks(registration, grantPolicy);
  const loaded = createLoadedClients(clients.load);
  const fetcher = createClientFetching({ storage, outbound, events, documentProblem: checks.documentProblem, cimd });
  const lifetime = createClientLifetime(storage, registration);
  const isOperatorClient = (clientId: string) =>
    fixed.some(({ client_id: id }) => id === clientId) || loaded.isLoaded(clientId);
  return {
    checks,
    lifetime,
    loaded,
    fetcher,
    mayRedirect: (uri) => registration.allowRedirect === undefined || registration.allowRedirect(uri) === true,
    isOperatorClient,
    async isProven(issuer, clientId, redirectUri) {
      if (isOperatorClient(clientId)) return true;
      const isDocument = clientId.startsWith('https://');
      return isDocument ? fetcher.isApproved(clientId, redirectUri) : lifetime.wasUsed(issuer, clientId);
    },
  };
}
