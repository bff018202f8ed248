import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { originRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link clerk}. */
export interface ClerkOptions extends IdentityPresetOptions {
  /** Frontend API URL of the instance: an origin. */
  readonly frontendApiUrl: string;
}

/**
 * Clerk. Roles are those of the user's public metadata, `roles` or `role`, for which the scope needs `public_metadata`.
 * @example clerk({ frontendApiUrl: 'https://acme.clerk.accounts.dev', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function clerk(options: ClerkOptions): IdentityPreset {
  return createPreset(
    {
      name: 'clerk',
      ownNames: ['frontendApiUrl'],
      describe: (read) => ({
        oidc: {
          issuer: withoutSlash(requiredText(read, 'frontendApiUrl', originRule('https://acme.clerk.accounts.dev'))),
        },
        browserLogin: { logout: false },
        // Never `unsafe_metadata`, which users write themselves.
        identity: { rolesClaims: ['public_metadata.roles', 'public_metadata.role', 'roles', 'role'] },
      }),
    },
    options,
  );
}
