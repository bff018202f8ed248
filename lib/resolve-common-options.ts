import type { LookupFunction } from './options.ts';
import type { Logger } from './shared/events.ts';
import { kindOf, type OptionReader } from './shared/option-reader.ts';

/** `outbound` with its defaults. */
export interface ResolvedOutbound {
  readonly lookup?: LookupFunction;
  readonly ca?: readonly string[];
}

/** How other servers are reached. */
export function readOutbound(options: OptionReader, isProduction: boolean): ResolvedOutbound {
  const outbound = options.group('outbound', ['lookup', 'ca', 'allowCustomLookup']);
  const lookup = outbound.fn('lookup') as LookupFunction | undefined;
  const allowed = outbound.boolean('allowCustomLookup', false);
  if (lookup && isProduction && !allowed) {
    outbound.problem('lookup', 'is refused in production unless allowCustomLookup is true');
  }
  const ca = typeof outbound.value('ca') === 'string' ? [outbound.string('ca') ?? ''] : outbound.strings('ca');
  return { ...(lookup && { lookup }), ...(ca && { ca }) };
}

/** Where events go as text. */
export function readLogger(options: OptionReader): Logger | undefined {
  const logger = options.value('logger') as Logger | undefined;
  if (logger === undefined) return undefined;
  const missing = (['debug', 'info', 'warn', 'error'] as const).filter((name) => typeof logger?.[name] !== 'function');
  if (missing.length > 0)
    options.problem(
      'logger',
      `must have the methods debug, info, warn and error, got ${kindOf(logger)} without ${missing.join(', ')}`,
    );
  return logger;
}
