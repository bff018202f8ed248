import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';
import { hostRule } from './preset/rules.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link cognito}. */
export interface CognitoOptions extends IdentityPresetOptions {
  readonly awsRegion: string;
  readonly userPoolId: string;
  /** Host of the hosted UI: the prefix domain or a custom one. */
  readonly userPoolDomain: string;
}

/**
 * Amazon Cognito: issuer and keys on one host, the login on another. Roles are the groups of the user pool.
 * @example
 * cognito({ awsRegion: 'eu-central-1', userPoolId: 'eu-central-1_AcmePool1', userPoolDomain: 'acme.auth.eu-central-1.amazoncognito.com', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function cognito(options: CognitoOptions): IdentityPreset {
  return createPreset(
    {
      name: 'cognito',
      ownNames: ['awsRegion', 'userPoolId', 'userPoolDomain'],
      describe: (read) => {
        const region = requiredText(read, 'awsRegion', {
          what: "an AWS region, such as 'eu-central-1'",
          accept: (text) => /^[a-z]{2}(?:-[a-z]+)+-\d+$/.test(text),
        });
        const pool = requiredText(read, 'userPoolId', {
          what: "a user pool of awsRegion, such as 'eu-central-1_AcmePool1'",
          accept: (text) => /^[\w-]+_[A-Za-z0-9]+$/.test(text) && text.startsWith(`${region}_`),
        });
        const domain = requiredText(read, 'userPoolDomain', hostRule('acme.auth.eu-central-1.amazoncognito.com'));
        const issuer = `https://cognito-idp.${region}.amazonaws.com/${pool}`;
        return {
          oidc: {
            issuer,
            jwksUrl: `${issuer}/.well-known/jwks.json`,
            userinfoUrl: `https://${domain}/oauth2/userInfo`,
          },
          browserLogin: {
            url: `https://${domain}/oauth2/authorize`,
            tokenUrl: `https://${domain}/oauth2/token`,
            // A refresh token comes unasked, and `offline_access` is refused.
            offlineAccessRequest: {},
            logout: { url: `https://${domain}/logout`, returnParameter: 'logout_uri', idTokenHint: false },
          },
          // Not `cognito:roles`: those are roles of AWS. Not custom attributes: users may write them.
          identity: { rolesClaims: ['cognito:groups'], userinfo: 'never' },
        };
      },
    },
    options,
  );
}
