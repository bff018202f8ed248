import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { baseUrlRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link pingfederate}. */
export interface PingFederateOptions extends IdentityPresetOptions {
  /** The runtime's base URL, with its port. */
  readonly pingFederateUrl: string;
  /** The issuer, where the administrator chose another one. @defaultValue `pingFederateUrl` */
  readonly issuer?: string;
}

/**
 * PingFederate. Its logout is published under a name of its own and takes `TargetResource`. Roles are `roles` and `groups`, as
 * the access token manager's contract maps them.
 * @example pingfederate({ pingFederateUrl: 'https://sso.acme.example:9031', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function pingfederate(options: PingFederateOptions): IdentityPreset {
  return createPreset(
    {
      name: 'pingfederate',
      ownNames: ['pingFederateUrl', 'issuer'],
      describe: (read) => {
        const rule = baseUrlRule('https://sso.acme.example:9031');
        const base = withoutSlash(requiredText(read, 'pingFederateUrl', rule));
        const issuer = read.string('issuer', rule);
        return {
          oidc: {
            issuer: issuer ?? base,
            ...(issuer !== undefined && { discoveryUrl: `${base}/.well-known/openid-configuration` }),
          },
          browserLogin: {
            // A refresh token comes with the client's grant type, unasked.
            offlineAccessRequest: {},
            logout: { url: `${base}/idp/startSLO.ping`, returnParameter: 'TargetResource', idTokenHint: false },
          },
        };
      },
    },
    options,
  );
}
