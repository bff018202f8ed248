import { createLimiter } from '../shared/limiter.ts';
import type { Storage } from '../storage/storage.ts';
import { type ClientFetcher, type ClientFetcherOptions, createClientFetcher } from './client-fetcher.ts';
import { createFetchCache } from './fetch-cache.ts';

export interface ClientFetchingOptions extends Pick<ClientFetcherOptions, 'outbound' | 'events' | 'documentProblem'> {
  readonly storage: Storage;
  readonly cimd: ClientFetcherOptions['hosts'] &
    Pick<ClientFetcherOptions, 'pinned'> & { readonly staleIfErrorSeconds: number };
}

/** The client fetcher with its caches and budgets, which all replicas share through storage. */
export function createClientFetching({ storage, cimd, ...options }: ClientFetchingOptions): ClientFetcher {
  return createClientFetcher({
    ...options,
    documents: createFetchCache(storage, {
      kind: 'ClientDocument',
      minFreshSeconds: 60,
      maxFreshSeconds: 86_400,
      staleSeconds: cimd.staleIfErrorSeconds,
    }),
    keySets: createFetchCache(storage, {
      kind: 'ClientKeySet',
      minFreshSeconds: 60,
      maxFreshSeconds: 3600,
      staleSeconds: 3600,
    }),
    perHost: createLimiter(storage, 'client-fetch-host', { limit: 60, windowSeconds: 60 }),
    perCaller: createLimiter(storage, 'client-fetch-caller', { limit: 20, windowSeconds: 60 }),
    hosts: cimd,
    pinned: cimd.pinned,
  });
}
