import { createRequire } from 'node:module';
import { kindOf, type OptionReader } from '../shared/option-reader.ts';
import type { OpenTelemetryApi, TelemetryOptions } from './telemetry-options.ts';

/** `telemetry` with its defaults. */
export type ResolvedTelemetry = Required<TelemetryOptions>;

const propagations = ['headers-and-meta', 'headers', 'none'];

/** The installed package: where nobody asks for telemetry it is never loaded. */
function installedApi(): OpenTelemetryApi | undefined {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as OpenTelemetryApi;
  } catch {
    return undefined;
  }
}

/** undefined where there is no telemetry. */
export function readTelemetry(options: OptionReader): ResolvedTelemetry | undefined {
  const value = options.value('telemetry');
  if (value === undefined || value === false) return undefined;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (value !== true && !isObject) {
    options.problem('telemetry', `must be true, false or an object, got ${kindOf(value)}`);
    return undefined;
  }
  const given = value === true ? undefined : options.group('telemetry', ['api', 'propagation']);
  const what = propagations.map((name) => `'${name}'`).join(', ');
  const propagation =
    (given?.string('propagation', { what: `one of ${what}`, accept: (text) => propagations.includes(text) }) as
      | ResolvedTelemetry['propagation']
      | undefined) ?? 'headers-and-meta';
  const api = (given?.value('api') as OpenTelemetryApi | undefined) ?? installedApi();
  if (api === undefined) {
    options.problem('telemetry', 'needs the package @opentelemetry/api: npm install @opentelemetry/api');
    return undefined;
  }
  const missing = (['trace', 'context', 'propagation', 'metrics'] as const).filter((name) => !api?.[name]);
  if (missing.length > 0) {
    given?.problem('api', `must be the module @opentelemetry/api, got ${kindOf(api)} without ${missing.join(', ')}`);
    return undefined;
  }
  return { api, propagation };
}
