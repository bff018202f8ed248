import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { labelRule, originRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link supabase}. */
export interface SupabaseOptions extends IdentityPresetOptions {
  /** The project's reference: what stands before `.supabase.co`. Not needed with `projectUrl`. */
  readonly projectRef?: string;
  /** URL of a project with a custom domain, or of your own server. */
  readonly projectUrl?: string;
}

/**
 * Supabase, with its OAuth 2.1 server switched on and asymmetric signing keys. Roles are those of `app_metadata`.
 * @example supabase({ projectRef: 'abcdefghijklmnopqrst', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function supabase(options: SupabaseOptions): IdentityPreset {
  return createPreset(
    {
      name: 'supabase',
      ownNames: ['projectRef', 'projectUrl'],
      describe: (read) => {
        const url = read.string('projectUrl', originRule('https://auth.acme.example'));
        const ref = read.has('projectUrl')
          ? undefined
          : requiredText(read, 'projectRef', labelRule('abcdefghijklmnopqrst', '.supabase.co'));
        const base = ref === undefined ? withoutSlash(url ?? '') : `https://${ref}.supabase.co`;
        return {
          oidc: { issuer: `${base}/auth/v1` },
          browserLogin: { offlineAccessRequest: {}, logout: false },
          // Never `user_metadata`, which users write themselves, and not `role`, which is a role of the database.
          identity: { rolesClaims: ['app_metadata.roles', 'app_metadata.role'] },
        };
      },
    },
    options,
  );
}
