import { createPreset, type IdentityPreset, type IdentityPresetOptions, requiredText } from './preset/preset.ts';

export type { IdentityPreset, IdentityPresetOptions } from './preset/preset.ts';

/** Options of {@link generic}. */
export interface GenericOptions extends IdentityPresetOptions {
  /** The provider's issuer, exactly as its discovery document says, with or without a slash at the end. */
  readonly issuer: string;
  /** Where the discovery document is, if not below the issuer. */
  readonly discoveryUrl?: string;
}

/**
 * Any OpenID Connect provider that publishes a discovery document.
 * @example generic({ issuer: 'https://id.example.com', clientId, clientSecret })
 * @throws ConfigurationError
 */
export function generic(options: GenericOptions): IdentityPreset {
  return createPreset(
    {
      name: 'generic',
      ownNames: ['issuer', 'discoveryUrl'],
      describe: (read) => {
        const issuer = requiredText(read, 'issuer', urlRule('https://id.example.com'));
        const discoveryUrl = read.string(
          'discoveryUrl',
          urlRule('https://id.example.com/.well-known/openid-configuration'),
        );
        return { oidc: { issuer, ...(discoveryUrl !== undefined && { discoveryUrl }) } };
      },
    },
    options,
  );
}

function urlRule(example: string) {
  const accept = (text: string) => /^https?:$/.test(URL.parse(text)?.protocol ?? '') && !/[?#]/.test(text);
  return { what: `an https URL without query and fragment, such as '${example}'`, accept };
}
