import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { baseUrlRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link authelia}. */
export interface AutheliaOptions extends IdentityPresetOptions {
  /** The server's public URL. */
  readonly autheliaUrl: string;
}

/**
 * Authelia. Its ID tokens carry hardly a claim, so that userinfo is asked; roles are the groups, whose scope is asked for.
 * It cannot be told of a logout.
 * @example authelia({ autheliaUrl: 'https://auth.acme.example', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function authelia(options: AutheliaOptions): IdentityPreset {
  return createPreset(
    {
      name: 'authelia',
      ownNames: ['autheliaUrl'],
      describe: (read) => ({
        oidc: { issuer: withoutSlash(requiredText(read, 'autheliaUrl', baseUrlRule('https://auth.acme.example'))) },
        browserLogin: { scope: 'openid profile email groups', logout: false },
        identity: { rolesClaims: ['groups'] },
      }),
    },
    options,
  );
}
