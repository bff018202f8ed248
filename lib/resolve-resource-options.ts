import { ConfigurationError } from './errors.ts';
import type { OutboundOptions } from './options.ts';
import { type ResolvedOutbound, readLogger, readOutbound } from './resolve-common-options.ts';
import { isLoopbackHost } from './shared/address-policy.ts';
import type { Logger } from './shared/events.ts';
import { type Issuer, parseIssuer } from './shared/issuer.ts';
import { kindOf, type OptionReader, readRequiredOptions } from './shared/option-reader.ts';
import type { Storage } from './storage/storage.ts';
import { type ResolvedTelemetry, readTelemetry } from './telemetry/resolve-telemetry-options.ts';
import type { TelemetryOptions } from './telemetry/telemetry-options.ts';

/** Options of `mcpResource()`. Everything not given has the default named here; unknown names are refused at start. */
export interface McpResourceOptions {
  /**
   * Issuer identifier of the authorization server whose tokens are accepted, exactly as its tokens and metadata spell it,
   * such as `https://mcp.example.com`: https, or http on loopback.
   */
  readonly issuer: string;
  /**
   * Public origin of this server, such as `https://files.example.com`: what requests must have as Host, and what the
   * audiences and metadata of its resources begin with. https, or http on loopback.
   */
  readonly origin: string;
  /**
   * How tokens are checked. `jwt`: by the issuer's keys, without asking it; a revoked token works until it expires.
   * `introspection`: by asking the issuer (RFC 7662); a revoked token works for `tokenCacheSeconds` at most.
   * @defaultValue 'jwt'
   */
  readonly verification?: 'jwt' | 'introspection';
  /** URL of the issuer's JSON Web Key Set, for `jwt`. @defaultValue found in the issuer's metadata (RFC 8414) */
  readonly jwksUrl?: string;
  /** This server as a client of the issuer. Required for `introspection`. */
  readonly introspection?: IntrospectionOptions;
  /**
   * How long a verified token is remembered, seconds, never past its end: with `introspection` the delay of a revocation.
   * Integer, 0 (off) to 60. @defaultValue 5
   */
  readonly tokenCacheSeconds?: number;
  /**
   * Accepts tokens that are bound to a key, each with a proof that its sender holds the key (RFC 9449). A bound token is never
   * accepted as Bearer. @defaultValue bound tokens are refused
   */
  readonly dpop?: ResourceDpopOptions;
  readonly outbound?: OutboundOptions;
  /** Receives every event as text. @defaultValue silent */
  readonly logger?: Logger;
  /** OpenTelemetry spans and metrics; needs the package `@opentelemetry/api`. @defaultValue off: nothing is loaded */
  readonly telemetry?: boolean | TelemetryOptions;
}

/** Where used proofs are remembered. */
export interface ResourceDpopOptions {
  /** Shared by all replicas of this server, so that no proof is used twice; such as `redisStorage(client)`. It stays yours to close. */
  readonly storage: Storage;
}

/** How the issuer is asked about tokens. */
export interface IntrospectionOptions {
  /** URL of the introspection endpoint. @defaultValue found in the issuer's metadata (RFC 8414) */
  readonly url?: string;
  /** Client registered at the issuer that may introspect the tokens of others: with `mcpOAuth`, in `gateway.introspectionClients`. */
  readonly clientId: string;
  /** Sent as `client_secret_basic`. */
  readonly clientSecret: string;
}

/** How tokens are checked, with what that needs. */
export type ResolvedVerification =
  | { readonly kind: 'jwt'; readonly jwksUrl: string | undefined }
  | {
      readonly kind: 'introspection';
      readonly url: string | undefined;
      readonly clientId: string;
      readonly clientSecret: string;
    };

/** Every option with its default. */
export interface ResolvedResourceOptions {
  readonly issuer: string;
  /** This server's origin, taken apart. */
  readonly server: Issuer;
  readonly verification: ResolvedVerification;
  readonly tokenCacheSeconds: number;
  /** Where used proofs are remembered; undefined where bound tokens are refused. */
  readonly dpop: Storage | undefined;
  readonly outbound: ResolvedOutbound;
  readonly logger: Logger | undefined;
  readonly telemetry: ResolvedTelemetry | undefined;
}

const optionNames = [
  'issuer',
  'origin',
  'verification',
  'jwksUrl',
  'introspection',
  'tokenCacheSeconds',
  'dpop',
  'outbound',
  'logger',
  'telemetry',
] as const satisfies readonly (keyof McpResourceOptions)[];

const introspectionNames = [
  'url',
  'clientId',
  'clientSecret',
] as const satisfies readonly (keyof IntrospectionOptions)[];

/** Where nothing can be used because another option is wrong: no problem is told twice. */
const placeholder = 'https://invalid';

const verificationRule = {
  what: "'jwt' or 'introspection'",
  accept: (text: string) => text === 'jwt' || text === 'introspection',
};

/** An issuer in the one spelling that clients compare; unlike our own, it may end with a slash, as some providers' do. */
const issuerRule = {
  what: 'an https URL without query and fragment, as the issuer spells it (http is allowed on loopback)',
  accept: (text: string) => parseIssuer(text.replace(/(?<=[^/])\/$/, '')) !== undefined,
};

const originRule = {
  what: "an https origin without path (http is allowed on loopback), such as 'https://files.example.com'",
  accept: (text: string) => parseIssuer(text)?.origin === text,
};

/** URLs of the issuer. Without encryption only between programs of one machine. */
function endpointRule(issuer: string | undefined): { what: string; accept: (text: string) => boolean } {
  const mayBeHttp = issuer === undefined || isLoopbackHost(new URL(issuer).hostname);
  return {
    what: 'an https URL without user and fragment (http is allowed on loopback with an issuer on loopback)',
    accept(text) {
      const url = URL.parse(text);
      if (!url || url.username || url.password || url.hash) return false;
      return url.protocol === 'https:' || (url.protocol === 'http:' && mayBeHttp && isLoopbackHost(url.hostname));
    },
  };
}

function readIntrospection(options: OptionReader, issuer: string | undefined): ResolvedVerification {
  const introspection = options.group('introspection', introspectionNames);
  for (const name of ['clientId', 'clientSecret'] as const) {
    if (!introspection.has(name))
      introspection.problem(name, 'must be given: a client of the issuer that may introspect');
  }
  if (options.has('jwksUrl')) options.problem('jwksUrl', "is for verification 'jwt': introspection needs no keys");
  return {
    kind: 'introspection',
    url: introspection.string('url', endpointRule(issuer)),
    clientId: introspection.string('clientId') ?? '',
    clientSecret: introspection.string('clientSecret') ?? '',
  };
}

function readDpop(options: OptionReader): Storage | undefined {
  if (!options.has('dpop')) return undefined;
  const dpop = options.group('dpop', ['storage'] satisfies (keyof ResourceDpopOptions)[]);
  const storage = dpop.value('storage') as Partial<Storage> | null | undefined;
  if (typeof storage?.create === 'function') return storage as Storage;
  dpop.problem('storage', `must be a storage, such as redisStorage(client), got ${kindOf(storage)}`);
  return undefined;
}

function readVerification(options: OptionReader, issuer: string | undefined): ResolvedVerification {
  if (options.string('verification', verificationRule) === 'introspection') return readIntrospection(options, issuer);
  if (options.has('introspection')) options.problem('introspection', "needs verification: 'introspection'");
  return { kind: 'jwt', jwksUrl: options.string('jwksUrl', endpointRule(issuer)) };
}

/**
 * Checks all options once, without any network access.
 * @throws ConfigurationError naming every problem at once
 */
export function resolveResourceOptions(
  source: McpResourceOptions,
  environment: NodeJS.ProcessEnv,
): ResolvedResourceOptions {
  const options = readRequiredOptions(source, optionNames);
  for (const [name, example] of [
    ['issuer', 'https://mcp.example.com'],
    ['origin', 'https://files.example.com'],
  ] as const) {
    if (!options.has(name)) options.problem(name, `must be given, such as '${example}'`);
  }
  const issuer = options.string('issuer', issuerRule);
  const origin = options.string('origin', originRule);
  const resolved: ResolvedResourceOptions = {
    issuer: issuer ?? placeholder,
    server: Object.freeze(parseIssuer(origin ?? placeholder) as Issuer),
    verification: Object.freeze(readVerification(options, issuer)),
    tokenCacheSeconds: options.integer('tokenCacheSeconds', { min: 0, max: 60, fallback: 5 }),
    dpop: readDpop(options),
    outbound: Object.freeze(readOutbound(options, environment.NODE_ENV === 'production')),
    logger: readLogger(options),
    telemetry: readTelemetry(options),
  };
  if (options.problems.length > 0) throw new ConfigurationError('mcpResource(options)', options.problems);
  return Object.freeze(resolved);
}
