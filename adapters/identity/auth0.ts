import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { hostRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link auth0}. */
export interface Auth0Options extends IdentityPresetOptions {
  /** The tenant's domain, or its custom domain: a bare host name. */
  readonly auth0Domain: string;
  /**
   * Identifier of an API. Sent with the authorization request; the access token that comes back must be for it.
   * @defaultValue none
   */
  readonly audience?: string;
}

/**
 * Auth0. Roles come as a namespaced claim, such as `https://gateway.example.com/roles`, that an Action adds to the ID token.
 * @example auth0({ auth0Domain: 'acme.us.auth0.com', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function auth0(options: Auth0Options): IdentityPreset {
  return createPreset(
    {
      name: 'auth0',
      ownNames: ['auth0Domain', 'audience'],
      describe: (read) => {
        const domain = requiredText(read, 'auth0Domain', hostRule('acme.us.auth0.com'));
        const audience = read.string('audience');
        return {
          // With the slash.
          oidc: { issuer: `https://${domain}/`, ...(audience !== undefined && { accessTokenAudience: audience }) },
          browserLogin: audience === undefined ? {} : { audience },
        };
      },
    },
    options,
  );
}
