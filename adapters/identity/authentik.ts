import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { originRule, segmentRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link authentik}. */
export interface AuthentikOptions extends IdentityPresetOptions {
  /** The server's URL: an origin. */
  readonly authentikUrl: string;
  /** Slug of the application. */
  readonly applicationSlug: string;
  /** What the provider's issuer mode says: an issuer for each application, or one for all. @defaultValue 'per_provider' */
  readonly issuerMode?: 'per_provider' | 'global';
}

/**
 * authentik. Roles are the groups of the user. Give the provider an asymmetric signing key.
 * @example authentik({ authentikUrl: 'https://auth.acme.example', applicationSlug: 'gateway', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function authentik(options: AuthentikOptions): IdentityPreset {
  return createPreset(
    {
      name: 'authentik',
      ownNames: ['authentikUrl', 'applicationSlug', 'issuerMode'],
      describe: (read) => {
        const base = withoutSlash(requiredText(read, 'authentikUrl', originRule('https://auth.acme.example')));
        const slug = requiredText(read, 'applicationSlug', segmentRule('the slug of the application', 'gateway'));
        const mode = read.string('issuerMode', {
          what: "'per_provider' or 'global'",
          accept: (text) => text === 'per_provider' || text === 'global',
        });
        const application = `${base}/application/o/${slug}/`;
        return {
          oidc: {
            // Both with the slash.
            issuer: mode === 'global' ? `${base}/` : application,
            discoveryUrl: `${application}.well-known/openid-configuration`,
          },
          identity: { rolesClaims: ['groups'] },
        };
      },
    },
    options,
  );
}
