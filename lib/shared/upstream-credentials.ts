import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * How the upstream of a route gets its credential. Made by `staticHeaders()`, `userOAuth()` and their like, never by hand;
 * the rest of its members is not public.
 */
export interface UpstreamCredential {
  readonly mode: 'static-headers' | 'user-oauth' | 'shared-oauth' | 'id-jag' | 'token-exchange';
}

/** A request that is about to go to the upstream, after `authenticate` let it pass. */
export interface UpstreamCall {
  /** Carries `auth` and `user` of the caller. */
  readonly req: IncomingMessage;
  /**
   * The JSON-RPC body of a POST; undefined where there is none, or none that can be read within limits. Asked for only
   * where the answer depends on it; the request stays readable.
   */
  readonly readMessage: () => Promise<unknown>;
  /** The upstream refused the headers that an answer before this one gave. */
  readonly refusal?: UpstreamRefusal;
}

/** What an upstream said to a credential. */
export interface UpstreamRefusal {
  /** 401, or 403 with `insufficient_scope` (RFC 6750 section 3.1). */
  readonly status: 401 | 403;
  /** Its `WWW-Authenticate`: a peer's text, which never reaches the client. */
  readonly challenge: string | undefined;
  /** The headers that it refused. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 after the first try; 2 after the retry: then no answer gives headers any more. */
  readonly attempt: 1 | 2;
}

/** How a call goes on. */
export type UpstreamAnswer =
  /** Headers to set on the upstream request, lower-case names. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The upstream is not asked: the credentials answer the client themselves, such as with a link to connect. */
  | { readonly kind: 'answer'; readonly send: (res: ServerResponse) => void }
  /** It cannot be had now and nothing is lost: 503. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly retryAfterSeconds: number }
  /** There is none that the upstream takes, and nothing the user can do: 502. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Gives the credential of the right user for each call to one upstream. The proxy asks before every call, and once more with
 * `refusal` when the upstream refused what it got.
 * @throws StorageUnavailableError
 */
export interface UpstreamCredentials {
  /** Names of tools that these credentials answer themselves; no filter of the upstream's tools is for them. */
  readonly ownTools?: readonly string[];
  forRequest(call: UpstreamCall): Promise<UpstreamAnswer>;
}
