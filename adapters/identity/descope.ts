import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { baseUrlRule, originRule, withoutSlash } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link descope}. */
export interface DescopeOptions extends IdentityPresetOptions {
  /** Id of the project. Not needed with `issuer`. */
  readonly projectId?: string;
  /** URL of the region or custom domain. @defaultValue 'https://api.descope.com' */
  readonly baseUrl?: string;
  /** The issuer of an application, as its discovery document says: Descope has several forms of it. */
  readonly issuer?: string;
}

/**
 * Descope. Roles come with the scope `descope.claims`.
 * @example descope({ projectId: 'P2acmeAAAAAAAAAAAAAAAAAAAAAA', scope: 'openid profile email descope.claims', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function descope(options: DescopeOptions): IdentityPreset {
  return createPreset(
    {
      name: 'descope',
      ownNames: ['projectId', 'baseUrl', 'issuer'],
      describe: (read) => {
        const given = read.string(
          'issuer',
          baseUrlRule('https://api.descope.com/v1/apps/P2acmeAAAAAAAAAAAAAAAAAAAAAA'),
        );
        const base = read.string('baseUrl', originRule('https://api.euc1.descope.com')) ?? 'https://api.descope.com';
        const project = read.has('issuer')
          ? undefined
          : requiredText(read, 'projectId', {
              what: "the id of the project, such as 'P2acmeAAAAAAAAAAAAAAAAAAAAAA', or issuer instead",
              accept: (text) => /^P[A-Za-z0-9]{10,}$/.test(text),
            });
        return {
          oidc: { issuer: project === undefined ? (given ?? '') : `${withoutSlash(base)}/${project}` },
          identity: { rolesClaims: ['roles'] },
        };
      },
    },
    options,
  );
}
