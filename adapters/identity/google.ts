import { createPreset, type IdentityPreset, type IdentityPresetOptions } from './preset/preset.ts';
import { hostRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link google}. */
export interface GoogleOptions extends IdentityPresetOptions {
  /** Domain of a Google Workspace: nobody else signs in. @defaultValue everybody with a Google account */
  readonly hostedDomain?: string;
}

/**
 * Google. It tells no groups: give roles by `identity.mapIdentity`.
 * @example google({ hostedDomain: 'acme.example', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function google(options: GoogleOptions): IdentityPreset {
  return createPreset(
    {
      name: 'google',
      ownNames: ['hostedDomain'],
      clientIdRule: {
        what: "a client id of Google, such as '1234567890-abc123.apps.googleusercontent.com'",
        accept: (text) => /^[\w-]+\.apps\.googleusercontent\.com$/.test(text),
      },
      describe: (read) => {
        const hd = read.string('hostedDomain', hostRule('acme.example'));
        // An environment variable that is not set must not open the door to everybody (CWE-636).
        if (Object.hasOwn(Object(options), 'hostedDomain') && hd === undefined && !read.has('hostedDomain'))
          read.problem('hostedDomain', 'must be a text where it is given, got undefined; leave it out for everybody');
        return {
          oidc: { issuer: 'https://accounts.google.com' },
          browserLogin: {
            // The parameter only preselects accounts; the claim decides.
            ...(hd !== undefined && { authorizationParameters: { hd } }),
            // It refuses `login`: people choose an account instead.
            promptValues: ['none', 'consent', 'select_account'],
            offlineAccessRequest: { parameters: { access_type: 'offline', prompt: 'consent' } },
            logout: false,
          },
          ...(hd !== undefined && { identity: { requiredClaims: { hd } } }),
        };
      },
    },
    options,
  );
}
