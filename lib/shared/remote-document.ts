import { OAuthError } from '../errors.ts';

/** A document of another server, such as a key set: kept while it is fresh, and for a while longer where that server is down. */
export interface RemoteDocument<T> {
  /** @throws what `failed` makes, where there is none and none can be had */
  current(): Promise<T>;
  /**
   * The document fetched again, because `current()` lacks something that a caller asked for. Callers decide how often that
   * happens, so it is done at most every 30 seconds; in between there is none.
   * @throws what `failed` makes, where it could not be fetched
   */
  newer(): Promise<T | undefined>;
}

const cooldownMs = 30_000;

/** The answer where another server's outage leaves a request undecided: 503, never 401, which would make clients sign in again. */
export function temporarilyUnavailable(cause: unknown): OAuthError {
  return new OAuthError('temporarily_unavailable', 503, 'the server cannot answer now; try again', { cause });
}

const defaultRules = {
  now: () => Date.now(),
  /** After this a document is fetched again: how long a key that the issuer withdrew is still trusted. */
  freshMs: 600_000,
  /** How long the last good document stands in while its server fails. */
  staleMs: 3_600_000,
  /** Pause after a failure, in which nobody waits for another one. */
  retryMs: 5_000,
  failed: temporarilyUnavailable as (cause: unknown) => Error,
};

/** How long a document lasts, milliseconds, and what its readers are told where there is none. */
export interface RemoteDocumentRules {
  readonly now?: () => number;
  readonly freshMs?: number;
  readonly staleMs?: number;
  readonly retryMs?: number;
  /** @defaultValue OAuthError `temporarily_unavailable` */
  readonly failed?: (cause: unknown) => Error;
}

/** @param load fetches and checks the document; rejects where the answer cannot be used */
export function createRemoteDocument<T>(load: () => Promise<T>, rules: RemoteDocumentRules = {}): RemoteDocument<T> {
  const { now, freshMs, staleMs, retryMs, failed } = { ...defaultRules, ...rules };
  let held: { readonly value: T; readonly at: number } | undefined;
  let failure: { readonly cause: unknown; readonly at: number } | undefined;
  let running: Promise<T> | undefined;
  let newerAskedAt = Number.NEGATIVE_INFINITY;

  async function loadOnce(): Promise<T> {
    const at = now();
    try {
      const value = await load();
      held = { value, at };
      failure = undefined;
      return value;
    } catch (cause) {
      failure = { cause, at: now() };
      throw failed(cause);
    }
  }

  /** Requests that need it together share one fetch. */
  function fetchAgain(): Promise<T> {
    running ??= loadOnce().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function refresh(): Promise<T> {
    if (failure && now() - failure.at < retryMs) throw failed(failure.cause);
    return fetchAgain();
  }

  return {
    async current() {
      const age = held ? now() - held.at : Number.POSITIVE_INFINITY;
      if (held && age < freshMs) return held.value;
      const refreshed = refresh();
      if (!held || age >= staleMs) return refreshed;
      const stale = held.value;
      const best = refreshed.catch(() => stale);
      return failure ? stale : best; // While its server is known to fail nobody waits for it.
    },
    async newer() {
      if (running) return running;
      if (now() - newerAskedAt >= cooldownMs) {
        newerAskedAt = now();
        return fetchAgain();
      }
      if (failure) throw failed(failure.cause);
      return undefined;
    },
  };
}
