import type { MapIdentity } from '../../lib/federation/login-options.ts';
import { createPreset, type IdentityPreset, type IdentityPresetOptions, type ProviderQuirks } from './preset/preset.ts';
import { hostRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link workos}. `clientSecret` is the API key, or with `authkitDomain` the secret of the OAuth application. */
export interface WorkOSOptions extends IdentityPresetOptions {
  /** AuthKit domain, with an OAuth application of WorkOS Connect: OpenID Connect. @defaultValue the user management API */
  readonly authkitDomain?: string;
}

/**
 * WorkOS AuthKit. By the client id alone it is the user management API, whose access token is the identity: it issues no ID
 * token. Roles are those of the organisation that the user signed in to.
 * @example workos({ clientId: 'client_01ACME00000000000000000000', clientSecret: apiKey })
 * @throws ConfigurationError
 */
export function workos(options: WorkOSOptions): IdentityPreset {
  return createPreset(
    {
      name: 'workos',
      ownNames: ['authkitDomain'],
      clientIdRule: {
        what: "a client id of WorkOS, such as 'client_01ACME00000000000000000000'",
        accept: (text) => /^client_\w+$/.test(text),
      },
      describe: (read) => {
        const domain = read.string('authkitDomain', hostRule('acme.authkit.app'));
        return domain === undefined ? userManagement(String(read.value('clientId'))) : connect(domain);
      },
    },
    options,
  );
}

const identity = { rolesClaims: ['roles', 'role'], claims: ['org_id', 'permissions'] };

function connect(domain: string): ProviderQuirks {
  return { oidc: { issuer: `https://${domain}` }, browserLogin: { logout: false }, identity };
}

function userManagement(clientId: string): ProviderQuirks {
  const api = 'https://api.workos.com';
  return {
    oidc: {
      issuer: `${api}/user_management/${clientId}`,
      protocol: 'oauth2',
      jwksUrl: `${api}/sso/jwks/${clientId}`,
    },
    browserLogin: {
      url: `${api}/user_management/authorize`,
      tokenUrl: `${api}/user_management/authenticate`,
      authorizationParameters: { provider: 'authkit' },
      // A refresh token comes unasked.
      offlineAccessRequest: {},
      logout: false,
    },
    identity: { ...identity, mapIdentity: nameAndEmail },
  };
}

/** The token answer tells them beside the tokens. */
const nameAndEmail: MapIdentity = ({ user }) => {
  const { email, email_verified, first_name, last_name } = Object(user) as Record<string, unknown>;
  const name = [first_name, last_name].filter((part) => typeof part === 'string' && part !== '').join(' ');
  const told = { email, email_verified, given_name: first_name, family_name: last_name, ...(name !== '' && { name }) };
  const isTold = ([, value]: [string, unknown]) => typeof value === 'string' || typeof value === 'boolean';
  return { claims: Object.fromEntries(Object.entries(told).filter(isTold)) };
};
