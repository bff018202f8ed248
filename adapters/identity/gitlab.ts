import { createPreset, type IdentityPreset, type IdentityPresetOptions } from './preset/preset.ts';
import { baseUrlRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link gitlab}. */
export interface GitLabOptions extends IdentityPresetOptions {
  /** URL of a GitLab of your own. @defaultValue 'https://gitlab.com' */
  readonly gitlabUrl?: string;
}

/**
 * GitLab. Roles are the groups a user belongs to, as full paths, such as `acme/platform`.
 * @example gitlab({ clientId, clientSecret })
 * @throws ConfigurationError
 */
export function gitlab(options: GitLabOptions): IdentityPreset {
  return createPreset(
    {
      name: 'gitlab',
      ownNames: ['gitlabUrl'],
      describe: (read) => ({
        oidc: {
          issuer: withoutSlash(
            read.string('gitlabUrl', baseUrlRule('https://gitlab.acme.example')) ?? 'https://gitlab.com',
          ),
        },
        // A refresh token comes unasked, and `offline_access` is no scope of it.
        browserLogin: { offlineAccessRequest: {}, logout: false },
        // The ID token has the direct groups only, userinfo all.
        identity: { rolesClaims: ['groups', 'groups_direct'], userinfo: 'always' },
      }),
    },
    options,
  );
}
