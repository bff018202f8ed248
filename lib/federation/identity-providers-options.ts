import type { OptionReader } from '../shared/option-reader.ts';
import type { BrowserLoginOptions, IdentityOptions, OidcOptions } from './login-options.ts';
import type { OidcLogin } from './resolve-login-options.ts';

/** One of several identity providers: what a preset gives, with a name. */
export interface IdentityProviderOptions {
  /**
   * Lower-case letters, digits and hyphens, at most 32. Part of its redirect URI, `<issuer>/oauth/callback/<id>`, which is to
   * be registered there.
   */
  readonly id: string;
  /** Its name on the page that asks where to sign in. @defaultValue the id */
  readonly displayName?: string;
  /**
   * Domains of its users' email addresses: who types such an address, or whose client sends it as `login_hint`, is sent there
   * without being asked. Identities never merge by email, and a domain here proves nothing.
   */
  readonly emailDomains?: readonly string[];
  readonly oidc: OidcOptions;
  /** Lifetimes are the whole server's: they are given beside `identityProviders`, in `browserLogin`. */
  readonly browserLogin: Omit<BrowserLoginOptions, 'stateTtlSeconds' | 'sessionTtlSeconds'>;
  readonly identity?: IdentityOptions;
}

/** One identity provider with every default. */
export interface NamedLogin {
  /** undefined for the only one. */
  readonly id: string | undefined;
  readonly displayName: string;
  /** Lower case. */
  readonly emailDomains: readonly string[];
  readonly login: OidcLogin;
}

const names = [
  'id',
  'displayName',
  'emailDomains',
  'oidc',
  'browserLogin',
  'identity',
] as const satisfies readonly (keyof IdentityProviderOptions)[];

const idRule = {
  what: "lower-case letters, digits and hyphens, at most 32, such as 'acme'",
  accept: (text: string) => /^[a-z0-9][a-z0-9-]{0,31}$/.test(text),
};
const domainRule = {
  what: "domains such as 'acme.example'",
  accept: (text: string) => /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/i.test(text),
};

/** `identityProviders`, where it is given. @param readLogin reads `oidc`, `browserLogin` and `identity` of one */
export function readIdentityProviders(
  options: OptionReader,
  readLogin: (provider: OptionReader) => OidcLogin,
): readonly NamedLogin[] | undefined {
  if (!options.has('identityProviders')) return undefined;
  const providers = options.groups('identityProviders', names).map((provider) => {
    const id = provider.string('id', idRule);
    if (!provider.has('id')) provider.problem('id', `must be given: ${idRule.what}`);
    const domains = provider.strings('emailDomains', domainRule) ?? [];
    const displayName = provider.string('displayName') ?? id ?? '';
    const named = { id, displayName, emailDomains: domains.map((domain) => domain.toLowerCase()) };
    return { ...named, login: readLogin(provider) };
  });
  if (providers.length === 0) options.problem('identityProviders', 'must name at least one identity provider');
  refuseTwins(
    options,
    'id',
    providers.map(({ id }) => id),
  );
  refuseTwins(
    options,
    'oidc.issuer',
    providers.map(({ login }) => login.issuer || undefined),
  );
  refuseTwins(
    options,
    'emailDomains',
    providers.flatMap(({ emailDomains }) => [...new Set(emailDomains)]),
  );
  return Object.freeze(providers.map((provider) => Object.freeze(provider)));
}

function refuseTwins(options: OptionReader, name: string, values: readonly (string | undefined)[]): void {
  const given = values.filter((value) => value !== undefined);
  if (new Set(given).size !== given.length)
    options.problem('identityProviders', `must differ: two of them have the same ${name}`);
}
