import type { LimitRule } from '../shared/limiter.ts';
import type { OptionReader } from '../shared/option-reader.ts';
import type { RateLimitedAttempt, RateLimitOptions } from './rate-limit-options.ts';

/** Limits with their defaults; undefined where one is off. */
export interface ResolvedRateLimits {
  readonly registration: LimitRule | undefined;
  readonly authorization: LimitRule | undefined;
  readonly tokenFailures: LimitRule | undefined;
  readonly subjectOf: ((attempt: RateLimitedAttempt) => string | undefined) | undefined;
}

const names = [
  'registration',
  'authorization',
  'tokenFailures',
  'subjectOf',
] as const satisfies readonly (keyof RateLimitOptions)[];

const off: ResolvedRateLimits = {
  registration: undefined,
  authorization: undefined,
  tokenFailures: undefined,
  subjectOf: undefined,
};

function readRule(limits: OptionReader, name: (typeof names)[number], fallback: LimitRule): LimitRule | undefined {
  if (limits.value(name) === false) return undefined;
  const rule = limits.group(name, ['limit', 'windowSeconds']);
  return {
    limit: rule.integer('limit', { min: 1, max: 1_000_000, fallback: fallback.limit }),
    windowSeconds: rule.integer('windowSeconds', { min: 1, max: 86_400, fallback: fallback.windowSeconds }),
  };
}

/** `rateLimits`: `false`, or a limit for each. */
export function readRateLimits(options: OptionReader): ResolvedRateLimits {
  const given = options.value('rateLimits');
  if (given === false) return off;

  const limits = options.group('rateLimits', names);
  return {
    registration: readRule(limits, 'registration', { limit: 300, windowSeconds: 3600 }),
    authorization: readRule(limits, 'authorization', { limit: 120, windowSeconds: 60 }),
    tokenFailures: readRule(limits, 'tokenFailures', { limit: 100, windowSeconds: 300 }),
    subjectOf: limits.fn('subjectOf') as ResolvedRateLimits['subjectOf'],
  };
}
