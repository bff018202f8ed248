import { ConfigurationError } from '../../../lib/errors.ts';
import type { BrowserLoginOptions, IdentityOptions, OidcOptions } from '../../../lib/federation/login-options.ts';
import { withPresetRules } from '../../../lib/federation/preset-rules.ts';
import type { GatewayOptions } from '../../../lib/options.ts';
import { type OptionReader, readRequiredOptions } from '../../../lib/shared/option-reader.ts';

/** What every preset takes besides its own options: the application registered at the provider. */
export interface IdentityPresetOptions {
  /** Client id of the application registered at the provider, with the redirect URI `<issuer>/oauth/callback`. */
  readonly clientId: string | undefined;
  /** Its secret. Left out only where `browserLoginOverrides` names another `clientAuthMethod`, or a `clientKey`. */
  readonly clientSecret?: string | undefined;
  /** @defaultValue 'openid profile email', unless the preset says otherwise */
  readonly scope?: string | undefined;
  /** Members of `browserLogin` over those of the preset. */
  readonly browserLoginOverrides?: Omit<BrowserLoginOptions, 'clientId' | 'clientSecret' | 'scope'>;
  /** Members of `identity` over those of the preset. */
  readonly identity?: IdentityOptions;
  /** Handed on as it is. */
  readonly gateway?: GatewayOptions;
}

/** Option groups for `mcpOAuth({ ...preset })`. */
export interface IdentityPreset {
  readonly oidc: OidcOptions;
  readonly browserLogin: BrowserLoginOptions;
  readonly identity: IdentityOptions;
  readonly gateway?: GatewayOptions;
}

/** What is particular about a provider. */
export interface ProviderQuirks {
  readonly oidc: OidcOptions;
  readonly browserLogin?: BrowserLoginOptions;
  readonly identity?: IdentityOptions;
}

const commonNames = ['clientId', 'clientSecret', 'scope', 'browserLoginOverrides', 'identity', 'gateway'] as const;

/** Shape of a client id at a provider that has one. */
export interface TextRule {
  readonly what: string;
  readonly accept: (text: string) => boolean;
}

/** One preset: its name, the names of its own options, and what they make. */
export interface PresetDefinition {
  readonly name: string;
  readonly ownNames: readonly string[];
  /** @defaultValue any text */
  readonly clientIdRule?: TextRule;
  /** Reads the preset's own options; problems are collected, not thrown. */
  readonly describe: (options: OptionReader) => ProviderQuirks;
}

/**
 * Checks a preset's options, without network, and puts its quirks below what was given.
 * @throws ConfigurationError naming every wrong option
 */
export function createPreset(
  { name, ownNames, clientIdRule, describe }: PresetDefinition,
  source: IdentityPresetOptions,
): IdentityPreset {
  const options = readRequiredOptions(source, [...ownNames, ...commonNames]);
  const clientId = requiredText(options, 'clientId', clientIdRule ?? anyText('the client id of the application'));
  const scope = options.string('scope');
  const overrides = readObject(options, 'browserLoginOverrides');
  const identity = readObject(options, 'identity');
  const gateway = readObject(options, 'gateway');
  const needsSecret = overrides.clientKey === undefined && !isSecretless(overrides.clientAuthMethod);
  const clientSecret = needsSecret
    ? requiredText(options, 'clientSecret', anyText('the secret of the application'))
    : options.string('clientSecret');
  const quirks = describe(options);
  if (options.problems.length > 0) throw new ConfigurationError(`${name}(options)`, options.problems);
  const rules = {
    ...quirks.identity,
    ...identity,
    // Whom the preset refuses stays refused, whatever else is required.
    ...joined('requiredClaims', identity, quirks.identity),
  };
  return {
    oidc: withPresetRules(quirks.oidc, rules),
    browserLogin: {
      ...quirks.browserLogin,
      clientId,
      ...(clientSecret !== undefined && { clientSecret }),
      ...(scope !== undefined && { scope }),
      ...overrides,
      ...joined('authorizationParameters', quirks.browserLogin, overrides),
    },
    identity: rules,
    ...(options.has('gateway') && { gateway }),
  };
}

function isSecretless(method: unknown): boolean {
  return method === 'private_key_jwt' || method === 'none';
}

/** A member that is an object on both sides: the later side wins name by name, and drops nothing of the other. */
function joined<Name extends string>(
  name: Name,
  first: { readonly [Key in Name]?: unknown } = {},
  second: { readonly [Key in Name]?: unknown } = {},
): { readonly [Key in Name]?: never } {
  const given = [first[name], second[name]].filter((value) => value !== undefined);
  if (given.length < 2 || !given.every((value) => typeof value === 'object')) return {};
  return { [name]: Object.assign({}, ...given) } as { readonly [Key in Name]?: never };
}

/** `mcpOAuth()` checks its members. */
function readObject(options: OptionReader, name: string): Record<string, unknown> {
  const given = options.value(name);
  if (given === undefined) return {};
  // A member that is undefined was left out: it takes no place of the preset's.
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  options.problem(name, 'must be an object');
  return {};
}

/** A text that must be there. @returns the empty text where it is not, and the problem is noted */
export function requiredText(options: OptionReader, name: string, rule: TextRule): string {
  if (!options.has(name)) options.problem(name, `must be given: ${rule.what}`);
  return options.string(name, rule) ?? '';
}

/** @param what it is */
export function anyText(what: string): TextRule {
  return { what, accept: (text) => text.trim() === text && text !== '' };
}
