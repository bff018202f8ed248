import { createPreset, type IdentityPreset, type IdentityPresetOptions } from './preset/preset.ts';
import { originRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link github}. */
export interface GitHubOptions extends IdentityPresetOptions {
  /** URL of a GitHub Enterprise Server. @defaultValue github.com */
  readonly enterpriseServerUrl?: string;
}

/**
 * GitHub, as an OAuth app: no ID token, so that the answer of its API is the identity, named by the numeric id. Its tokens
 * do not expire and it has no roles: give them by `identity.mapIdentity`, which gets the access token.
 * @example github({ clientId, clientSecret })
 * @throws ConfigurationError
 */
export function github(options: GitHubOptions): IdentityPreset {
  return createPreset(
    {
      name: 'github',
      ownNames: ['enterpriseServerUrl'],
      describe: (read) => {
        const server = read.string('enterpriseServerUrl', originRule('https://github.acme.example'));
        const base = server === undefined ? 'https://github.com' : withoutSlash(server);
        return {
          oidc: {
            issuer: `${base}/login/oauth`,
            protocol: 'oauth2',
            userinfoUrl: server === undefined ? 'https://api.github.com/user' : `${base}/api/v3/user`,
          },
          browserLogin: {
            url: `${base}/login/oauth/authorize`,
            tokenUrl: `${base}/login/oauth/access_token`,
            scope: 'read:user user:email',
            offlineAccessRequest: {},
            logout: false,
          },
          identity: { subjectClaims: ['id'], claims: ['login'], rolesClaims: [] },
        };
      },
    },
    options,
  );
}
