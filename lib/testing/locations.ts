import type { ProviderProfile } from './profile.ts';

/** Where a profile's URLs are served. */
export interface Locations {
  /** Host names of the profile, without ports. */
  readonly hosts: readonly string[];
  /** A value of the profile with its parameters filled in and its URLs as they are served, all the way down. */
  resolve<T>(value: T): T;
}

/**
 * @param parameters over those of the profile's example tenant
 * @param loopbackOrigin serves all hosts of the profile; undefined where they keep their own names
 */
export function createLocations(
  profile: ProviderProfile,
  parameters: Readonly<Record<string, string>>,
  loopbackOrigin: string | undefined,
): Locations {
  const values = { ...profile.parameters, ...parameters };
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (given, name: string) => values[name] ?? given);
  const facts = [...Object.values(profile.metadata), ...(profile.logoutEndpoint ? [profile.logoutEndpoint] : [])];
  const origins = new Set(facts.map(({ value }) => originOf(typeof value === 'string' ? fill(value) : '')));
  origins.delete(undefined);

  const move = (text: string) => {
    const filled = fill(text);
    const origin = loopbackOrigin === undefined ? undefined : originOf(filled);
    return origin !== undefined && origins.has(origin) ? `${loopbackOrigin}${filled.slice(origin.length)}` : filled;
  };
  const resolve = (value: unknown): unknown => {
    if (typeof value === 'string') return move(value);
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [move(name), resolve(member)]));
  };
  return {
    hosts: [...new Set([...origins].map((origin) => new URL(origin as string).hostname))],
    resolve: <T>(value: T) => resolve(value) as T,
  };
}

/** As it is written, in front of the path. */
function originOf(text: string): string | undefined {
  return /^https:\/\/[^/?#]+/.exec(text)?.[0];
}
