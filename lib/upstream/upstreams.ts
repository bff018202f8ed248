import type { UpstreamCredential, UpstreamCredentials } from '../shared/upstream-credentials.ts';
import { createUpstreamCredentials } from './credentials.ts';

/** The upstream stage of one instance. */
export interface Upstreams {
  /** The credentials of a route's upstream; undefined where it needs none. */
  credentialsOf(route: { readonly upstream?: UpstreamCredential }): UpstreamCredentials | undefined;
}

export function createUpstreams(): Upstreams {
  return {
    credentialsOf: ({ upstream }) => upstream && createUpstreamCredentials(upstream),
  };
}
