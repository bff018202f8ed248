import { type KeyTimes, readKeyTimes } from './authorization-server/signing-keys.ts';
import { type ClientChecks, createClientChecks, describeClientProblem } from './clients/client-checks.ts';
import type { NamedLogin } from './federation/identity-providers-options.ts';
import { namedLogins, providerHosts } from './federation/resolve-login-options.ts';
import { grantPolicyOf } from './grants/extension-grants.ts';
import { outboundOptions } from './instance-settings.ts';
import type { McpOAuthOptions } from './options.ts';
import { type ResolvedOptions, resolveOptions } from './resolve-options.ts';
import { endpointPaths } from './shared/endpoint-paths.ts';
import { createEvents } from './shared/events.ts';
import { parseIssuer } from './shared/issuer.ts';
import { createOutbound, type Outbound } from './shared/outbound.ts';
import { createKeyRingSource } from './shared/secrets.ts';

/** What the options of `mcpOAuth()` come to, for the commands that look at them without serving anybody. */
export interface Inspection {
  readonly settings: ResolvedOptions;
  readonly identityProviders: readonly InspectedProvider[];
  /** Redirect URIs to register at identity providers. */
  readonly callbacks: readonly string[];
  /** Brings client metadata into the form that a registration has, by the same rules. */
  readonly normalizeClient: ClientChecks['normalize'];
  /** When the signing keys began to sign; undefined where there are none yet. @throws Error where they cannot be opened */
  keyTimes(): Promise<KeyTimes | undefined>;
}

/** An identity provider and the client that may reach it. */
export interface InspectedProvider extends NamedLogin {
  readonly outbound: Outbound;
}

/** @param origin of the issuer, where there are several @throws ConfigurationError */
export function inspectOptions(options: McpOAuthOptions, origin: string | undefined): Inspection {
  const settings = resolveOptions(options, process.env, describeClientProblem);
  const issuer = settings.issuer ?? (origin === undefined ? undefined : parseIssuer(origin));
  const named = namedLogins(settings.login);
  const { callback } = endpointPaths(settings.gateway.basePath);
  const events = createEvents(settings.logger);
  events.on('configuration.warning', () => {}); // That no secret is given is no news to whoever runs a command.
  const keyRing = createKeyRingSource(settings.storage, settings.secrets, events);
  return {
    settings,
    identityProviders: named.map((provider) => ({
      ...provider,
      outbound: createOutbound(outboundOptions(settings, providerHosts(provider.login))),
    })),
    callbacks: issuer
      ? named.map(({ id }) => `${issuer.identifier}${callback}${id === undefined ? '' : `/${id}`}`)
      : [],
    normalizeClient: createClientChecks(settings.clients.registration, grantPolicyOf(settings.idJag)).normalize,
    keyTimes: async () => issuer && readKeyTimes(settings.storage, issuer, keyRing),
  };
}
