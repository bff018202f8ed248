import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { originRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link logto}. */
export interface LogtoOptions extends IdentityPresetOptions {
  /** The tenant's endpoint, without `/oidc`. */
  readonly logtoEndpoint: string;
}

/**
 * Logto. Roles come with the scope `roles`.
 * @example logto({ logtoEndpoint: 'https://acme.logto.app', scope: 'openid profile email roles', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function logto(options: LogtoOptions): IdentityPreset {
  return createPreset(
    {
      name: 'logto',
      ownNames: ['logtoEndpoint'],
      describe: (read) => {
        const endpoint = withoutSlash(requiredText(read, 'logtoEndpoint', originRule('https://acme.logto.app')));
        return {
          oidc: { issuer: `${endpoint}/oidc` },
          browserLogin: {
            offlineAccessRequest: { scope: 'offline_access', parameters: { prompt: 'consent' } },
          },
        };
      },
    },
    options,
  );
}
