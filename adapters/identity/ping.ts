import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { hostRule, uuidRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link ping}. */
export interface PingOptions extends IdentityPresetOptions {
  /** Id of the environment. Not needed with `customDomain`. */
  readonly environmentId?: string;
  /** Region of the environment. @defaultValue 'north-america' */
  readonly region?: PingRegion;
  /** Custom domain of the environment: instead of environment and region. */
  readonly customDomain?: string;
}

/** Regions of PingOne. */
export type PingRegion = 'north-america' | 'canada' | 'europe' | 'singapore' | 'australia' | 'asia-pacific';

const topLevelDomains: Readonly<Record<PingRegion, string>> = {
  'north-america': 'com',
  canada: 'ca',
  europe: 'eu',
  singapore: 'sg',
  australia: 'com.au',
  'asia-pacific': 'asia',
};

/**
 * PingOne. Roles and groups are attributes that the application maps to `roles` or `groups`.
 * @example ping({ environmentId: '3f2504e0-4f89-41d3-9a0c-0305e82c3301', region: 'europe', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function ping(options: PingOptions): IdentityPreset {
  return createPreset(
    {
      name: 'ping',
      ownNames: ['environmentId', 'region', 'customDomain'],
      describe: (read) => {
        const names = Object.keys(topLevelDomains);
        const what = `one of ${names.map((name) => `'${name}'`).join(', ')}`;
        const region = (read.string('region', { what, accept: (text) => names.includes(text) }) ??
          'north-america') as PingRegion;
        const custom = read.string('customDomain', hostRule('login.acme.example'));
        const environment = read.has('customDomain')
          ? undefined
          : requiredText(read, 'environmentId', uuidRule('the id of the environment, or customDomain instead'));
        const base = environment === undefined ? custom : `auth.pingone.${topLevelDomains[region]}/${environment}`;
        // A refresh token comes with the application's grant type, unasked.
        return { oidc: { issuer: `https://${base}/as` }, browserLogin: { offlineAccessRequest: {} } };
      },
    },
    options,
  );
}
