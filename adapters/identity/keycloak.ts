import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { baseUrlRule, segmentRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link keycloak}. */
export interface KeycloakOptions extends IdentityPresetOptions {
  /** The server's base URL, without `/realms`; a legacy `/auth` belongs to it. */
  readonly keycloakBaseUrl: string;
  readonly realm: string;
}

/**
 * Keycloak. Roles are the realm's, the client's own and the groups; their mappers must add them to the ID token or userinfo.
 * @example keycloak({ keycloakBaseUrl: 'https://sso.acme.example', realm: 'acme', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function keycloak(options: KeycloakOptions): IdentityPreset {
  return createPreset(
    {
      name: 'keycloak',
      ownNames: ['keycloakBaseUrl', 'realm'],
      describe: (read) => {
        const rule = baseUrlRule('https://sso.acme.example', { path: /\/realms(?:\/|$)/, name: '/realms' });
        const base = withoutSlash(requiredText(read, 'keycloakBaseUrl', rule));
        const realm = requiredText(read, 'realm', segmentRule('the name of a realm', 'acme'));
        const ownRoles = `resource_access.${String(read.value('clientId'))}.roles`;
        return {
          oidc: { issuer: `${base}/realms/${realm}` },
          identity: { rolesClaims: ['realm_access.roles', ownRoles, 'groups', 'roles'] },
        };
      },
    },
    options,
  );
}
