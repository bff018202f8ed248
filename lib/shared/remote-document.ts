import { OAuthError } from '../errors.ts';

/** A document of another server, such as a key set: kept while it is fresh, and for a while longer where that server is down. */
export interface RemoteDocument<T> {
  /** @throws OAuthError `temporarily_unavailable` where there is none and none can be had */
  current(): Promise<T>;
  /**
   * The document fetched again, because `current()` lacks something that a caller asked for. Callers decide how often that
   * happens, so it is done at most every 30 seconds; in between there is none.
   * @throws OAuthError `temporarily_unavailable` where it could not be fetched
   */
  newer(): Promise<T | undefined>;
}

/** After this a document is fetched again: how long a key that the issuer withdrew is still trusted. */
const freshMs = 600_000;
/** How long the last good document stands in while its server fails. */
const staleMs = 3_600_000;
const cooldownMs = 30_000;
/** Pause after a failure, in which nobody waits for another one. */
const retryMs = 5_000;

/** The answer where another server's outage leaves a request undecided: 503, never 401, which would make clients sign in again. */
export function temporarilyUnavailable(cause: unknown): OAuthError {
  return new OAuthError('temporarily_unavailable', 503, 'the server cannot answer now; try again', { cause });
}

/** @param load fetches and checks the document; rejects where the answer cannot be used */
export function createRemoteDocument<T>(
  load: () => Promise<T>,
  now: () => number = () => Date.now(),
): RemoteDocument<T> {
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
      throw temporarilyUnavailable(cause);
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
    if (failure && now() - failure.at < retryMs) throw temporarilyUnavailable(failure.cause);
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
      if (failure) throw temporarilyUnavailable(failure.cause);
      return undefined;
    },
  };
}
