import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { hostRule, segmentRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link okta}. */
export interface OktaOptions extends IdentityPresetOptions {
  /** The org's domain, or its custom domain: a bare host name. */
  readonly oktaDomain: string;
  /** Id of a custom authorization server, such as `default`. @defaultValue the org authorization server */
  readonly authorizationServerId?: string;
}

/**
 * Okta. Roles are the claim `groups`: at the org authorization server by the scope `groups` and the application's groups
 * filter, at a custom one by a claim of its own.
 * @example okta({ oktaDomain: 'acme.okta.com', scope: 'openid profile email groups', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function okta(options: OktaOptions): IdentityPreset {
  return createPreset(
    {
      name: 'okta',
      ownNames: ['oktaDomain', 'authorizationServerId'],
      describe: (read) => {
        const domain = requiredText(read, 'oktaDomain', hostRule('acme.okta.com'));
        const server = read.string(
          'authorizationServerId',
          segmentRule('the id of a custom authorization server', 'default'),
        );
        return { oidc: { issuer: `https://${domain}${server === undefined ? '' : `/oauth2/${server}`}` } };
      },
    },
    options,
  );
}
