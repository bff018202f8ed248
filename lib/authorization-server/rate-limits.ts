import { callerAddress } from '../shared/caller-address.ts';
import type { Exchange } from '../shared/http.ts';
import { createLimiter, type Limiter, type LimitRule } from '../shared/limiter.ts';
import type { Storage } from '../storage/storage.ts';
import type { RateLimitedAttempt } from './rate-limit-options.ts';
import type { ResolvedRateLimits } from './resolve-rate-limit-options.ts';

type About = Pick<RateLimitedAttempt, 'clientId' | 'redirectHost'>;

/** Limits of what strangers may do. Each answers how long the caller has to wait, seconds; undefined: go on. */
export interface RateLimits {
  registration(exchange: Exchange, redirectUris: unknown): Promise<number | undefined>;
  authorization(exchange: Exchange, clientId: string | null): Promise<number | undefined>;
  /** Asks no storage: what fails is counted afterwards. */
  tokenWait(exchange: Exchange, clientId: string | undefined): number | undefined;
  tokenFailed(exchange: Exchange, clientId: string | undefined): Promise<void>;
}

/** An address has so many times the limit of one client at it: hosted clients share addresses. */
const addressFactor = 10;

/** Where answers to a client go. */
function redirectHostOf(redirectUris: unknown): string | undefined {
  const url = Array.isArray(redirectUris) && typeof redirectUris[0] === 'string' ? URL.parse(redirectUris[0]) : null;
  if (!url) return undefined;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return url.protocol;
  return url.protocol === 'http:' ? 'loopback' : url.host;
}

interface Limited {
  readonly client: Limiter;
  readonly address: Limiter;
}

export function createRateLimits(storage: Storage, options: ResolvedRateLimits): RateLimits {
  const { subjectOf } = options;
  const limitersOf = (name: string, rule: LimitRule | undefined): Limited | undefined =>
    rule && {
      client: createLimiter(storage, `${name}-client`, rule),
      address: createLimiter(storage, `${name}-address`, { ...rule, limit: rule.limit * addressFactor }),
    };
  const registration = limitersOf('registration', options.registration);
  const authorization = limitersOf('authorization', options.authorization);
  const tokenFailures = limitersOf('token-failure', options.tokenFailures);

  /** The subjects to count; none where the attempt is not limited. */
  function subjectsOf(
    endpoint: RateLimitedAttempt['endpoint'],
    { req }: Exchange,
    aboutIt: () => About,
  ): { client: string; address?: string } | undefined {
    const address = callerAddress(req);
    if (address === undefined) return undefined;
    const about = aboutIt();
    if (!subjectOf) return { client: `${about.clientId ?? about.redirectHost ?? ''} ${address}`, address };
    const own = subjectOf({ endpoint, address, ...about });
    return own === undefined ? undefined : { client: own };
  }

  type Subjects = ReturnType<typeof subjectsOf>;

  /** Asks no storage. */
  function waitOf(limited: Limited | undefined, subjects: Subjects): number | undefined {
    if (!limited || !subjects) return undefined;
    const byClient = limited.client.waitOf(subjects.client);
    if (byClient !== undefined || subjects.address === undefined) return byClient;
    return limited.address.waitOf(subjects.address);
  }

  async function attempt(limited: Limited | undefined, subjects: Subjects): Promise<number | undefined> {
    if (!limited || !subjects) return undefined;
    // The address first: else each new client that it names would cost the store a counter.
    const resting = waitOf(limited, subjects);
    if (resting !== undefined) return resting;
    const byClient = await limited.client.attempt(subjects.client);
    if (byClient !== undefined || subjects.address === undefined) return byClient;
    return limited.address.attempt(subjects.address);
  }

  const aboutClient = (clientId: string | null | undefined) => (): About => (clientId ? { clientId } : {});
  return {
    async registration(exchange, redirectUris) {
      if (!registration) return undefined;
      const about = () => {
        const redirectHost = redirectHostOf(redirectUris);
        return redirectHost === undefined ? {} : { redirectHost };
      };
      return attempt(registration, subjectsOf('registration', exchange, about));
    },

    async authorization(exchange, clientId) {
      return authorization && attempt(authorization, subjectsOf('authorization', exchange, aboutClient(clientId)));
    },

    tokenWait(exchange, clientId) {
      return waitOf(tokenFailures, tokenFailures && subjectsOf('token', exchange, aboutClient(clientId)));
    },

    async tokenFailed(exchange, clientId) {
      await attempt(tokenFailures, tokenFailures && subjectsOf('token', exchange, aboutClient(clientId)));
    },
  };
}
