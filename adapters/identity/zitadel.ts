import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { hostRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link zitadel}. */
export interface ZitadelOptions extends IdentityPresetOptions {
  /** The instance's domain: a bare host name. */
  readonly zitadelDomain: string;
  /** Id of a project whose roles count besides those of the application's own project. */
  readonly projectId?: string;
}

const rolesClaim = 'urn:zitadel:iam:org:project:roles';

/**
 * ZITADEL. Roles are those of the project, whose claim is an object named by them; its scope is asked for.
 * @example zitadel({ zitadelDomain: 'acme.zitadel.cloud', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function zitadel(options: ZitadelOptions): IdentityPreset {
  return createPreset(
    {
      name: 'zitadel',
      ownNames: ['zitadelDomain', 'projectId'],
      describe: (read) => {
        const domain = requiredText(read, 'zitadelDomain', hostRule('acme.zitadel.cloud'));
        const project = read.string('projectId', {
          what: "the id of a project, digits such as '163840776835432700'",
          accept: (text) => /^\d+$/.test(text),
        });
        const others = project === undefined ? [] : [`urn:zitadel:iam:org:project:${project}:roles`];
        return {
          oidc: { issuer: `https://${domain}` },
          browserLogin: { scope: `openid profile email ${rolesClaim}` },
          identity: { rolesClaims: [rolesClaim, ...others] },
        };
      },
    },
    options,
  );
}
