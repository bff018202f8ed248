import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { labelRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link onelogin}. */
export interface OneLoginOptions extends IdentityPresetOptions {
  /** What stands before `.onelogin.com`. */
  readonly oneLoginSubdomain: string;
}

/**
 * OneLogin. Roles are the claim `groups`, which comes with the scope `groups`.
 * @example onelogin({ oneLoginSubdomain: 'acme', scope: 'openid profile email groups', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function onelogin(options: OneLoginOptions): IdentityPreset {
  return createPreset(
    {
      name: 'onelogin',
      ownNames: ['oneLoginSubdomain'],
      describe: (read) => {
        const subdomain = requiredText(read, 'oneLoginSubdomain', labelRule('acme', '.onelogin.com'));
        return {
          oidc: { issuer: `https://${subdomain}.onelogin.com/oidc/2` },
          // A refresh token comes unasked.
          browserLogin: { offlineAccessRequest: {} },
        };
      },
    },
    options,
  );
}
