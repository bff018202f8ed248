import { isDeepStrictEqual } from 'node:util';
import type { JWK } from 'jose';
import { type Configuration, Provider } from 'oidc-provider';
import { ConfigurationError, type OptionProblem } from '../errors.ts';
import type { PreparedDocument } from '../shared/document.ts';
import type { EndpointPaths } from '../shared/endpoint-paths.ts';
import type { EventSink } from '../shared/events.ts';
import type { Issuer } from '../shared/issuer.ts';
import { maxIssuers } from '../shared/issuer-resolver.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { createRecentMap } from '../shared/recent-map.ts';
import type { Resources } from '../shared/resources.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import { registerExtensionGrants } from './extension-grants.ts';
import { createIntrospectionAnswer } from './introspection-answer.ts';
import { createJwtRevocation } from './jwt-revocation.ts';
import { readMetadata } from './metadata.ts';
import { createOutcomes } from './outcomes.ts';
import { createProviderAdapter } from './provider-adapter.ts';
import { type ProviderHooks, providerConfiguration } from './provider-configuration.ts';
import { forwardProviderEvents } from './provider-events.ts';
import { createRedirectGuard } from './redirect-guard.ts';
import { createRefreshRotation, type Grace } from './refresh-rotation.ts';
import { loadSigningKeys, publishSeconds, type RotationRule, rotateSigningKeys } from './signing-keys.ts';
import { createTokenOutcome } from './token-outcome.ts';

/** A built provider with what is computed from it once. */
export interface BuiltProvider {
  readonly provider: OidcProvider;
  readonly callback: ReturnType<OidcProvider['callback']>;
  /** Authorization server metadata. */
  readonly metadata: PreparedDocument;
  /** The private key that signs now. */
  readonly signingKey: JWK;
  /** Public keys of access tokens. */
  readonly publicKeys: { readonly keys: readonly JWK[] };
}

export interface ProviderSourceOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly resources: Resources;
  readonly paths: EndpointPaths;
  readonly hooks: (issuer: Issuer) => ProviderHooks;
  readonly settings: {
    readonly accessTokenTtlSeconds: number;
    readonly refreshTokenTtlSeconds: number;
    readonly stateTtlSeconds: number;
    readonly cimdEnabled: boolean;
    readonly accessTokenFormat: 'opaque' | 'jwt';
    readonly introspectionClients: readonly string[];
    readonly dpop: boolean;
    readonly dpopRequireNonce: boolean;
    readonly enabled: boolean;
    readonly initialAccessToken: string | undefined;
    readonly unusedClientTtlSeconds: number;
    readonly fixedClients: readonly object[];
  };
  readonly configureProvider: ((configuration: Record<string, unknown>) => void) | undefined;
  readonly onGrantDeleted: () => void;
  /** Called whenever keys were read: the store answers. */
  readonly onStorageRead: () => Promise<void>;
  /** When signing keys are replaced. */
  readonly keyRotation: RotationRule;
  /** The grace window of refresh rotation; undefined where it is off. */
  readonly createGrace: (issuer: Issuer, keyRing: KeyRing) => Grace | undefined;
}

/** Gives the provider of an issuer, building it on first use and again when another resource was declared. */
export type ProviderSource = (issuer: Issuer) => Promise<BuiltProvider>;

/** Settings that the product's safety rests on: `configureProvider` may change anything else. */
const guarded = [
  'adapter',
  'fetch',
  'findAccount',
  'interactions',
  'loadExistingGrant',
  'pkce',
  'renderError',
  'responseTypes',
  'revokeGrantPolicy',
  'rotateRefreshToken',
  'routes',
  'clientBasedCORS',
  'assertJwtClientAuthClaimsAndHeader',
  'extraClientMetadata',
] as const satisfies readonly (keyof Configuration)[];

/** A copy of plain objects and lists, with which a change in place is found. Classes and functions stay what they are. */
function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.keys(value).length === value.length ? (value.map(copyOf) as T) : value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)])) as T;
}

function configure(configuration: Configuration, change: ProviderSourceOptions['configureProvider']): Configuration {
  if (!change) return configuration;
  const before = copyOf(configuration);
  change(configuration as Record<string, unknown>);
  const replaced = 'must not be replaced: the safety of this library rests on it';
  const problems: OptionProblem[] = guarded
    .filter((name) => !isDeepStrictEqual(configuration[name], before[name]))
    .map((name) => ({ option: name, message: replaced }));
  if (!isDeepStrictEqual(configuration.features?.resourceIndicators, before.features?.resourceIndicators)) {
    problems.push({ option: 'features.resourceIndicators', message: replaced });
  }
  if (configuration.features?.devInteractions?.enabled) {
    problems.push({ option: 'features.devInteractions', message: 'must stay off: it signs anybody in' });
  }
  const keys = configuration.cookies?.keys;
  if (!keys || (Array.isArray(keys) && keys.length === 0))
    problems.push({ option: 'cookies.keys', message: 'must stay: cookies are signed' });
  if (problems.length > 0) throw new ConfigurationError('configureProvider(configuration)', problems);
  return configuration;
}

async function build(issuer: Issuer, options: ProviderSourceOptions): Promise<BuiltProvider> {
  const { storage, events, settings } = options;
  const keyRing = await options.keyRing();
  const signingKeys = await loadSigningKeys(storage, issuer, keyRing);
  void options.onStorageRead();
  const hooks = options.hooks(issuer);
  const rotation = createRefreshRotation({ storage, issuer, grace: options.createGrace(issuer, keyRing), events });
  const adapterOptions = {
    rotation,
    storage,
    issuer,
    keyRing,
    events,
    clientTtlSeconds: settings.unusedClientTtlSeconds,
    loadClient: hooks.loadClient,
    registeredClient: hooks.registeredClient,
    tombstoneSeconds: settings.refreshTokenTtlSeconds + settings.stateTtlSeconds + settings.accessTokenTtlSeconds,
    onGrantDeleted: options.onGrantDeleted,
  };
  const configuration = providerConfiguration({
    ...settings,
    issuer,
    paths: options.paths,
    resources: options.resources,
    keyRing,
    signingKeys,
    rotation,
    events,
    adapter: (model) => createProviderAdapter(model, adapterOptions),
    hooks,
  });
  const provider = new Provider(issuer.identifier, configure(configuration, options.configureProvider));
  provider.proxy = true; // Its forwarded headers are only ever those that handOver() wrote.
  registerExtensionGrants(provider, hooks.extensionGrants, { ...settings, storage, issuer, events });
  const publicKeys = { keys: signingKeys.map(({ d: _, ...key }) => key) };
  const deleteGrant = createProviderAdapter('Grant', adapterOptions).destroy;
  const outcomes = createOutcomes({
    rotation,
    tokenOutcome: createTokenOutcome(hooks),
    guardRedirect: createRedirectGuard(hooks),
    completeIntrospection: createIntrospectionAnswer(settings.introspectionClients, hooks, events),
    completeRevocation: createJwtRevocation({ issuer, publicKeys, events, deleteGrant }),
  });
  provider.use(outcomes as never);
  const structural = provider as unknown as OidcProvider;
  forwardProviderEvents(structural, events, rotation);
  const callback = structural.callback();
  const metadata = await readMetadata(structural, callback, issuer);
  const [signingKey] = signingKeys;
  if (!signingKey) throw new Error('there is no signing key');
  return {
    provider: structural,
    callback,
    metadata,
    signingKey,
    publicKeys,
  };
}

/** How often keys are looked at again, so that a rotation elsewhere is picked up without a restart. */
const keyCheckMs = 60_000;

/** After so long without a look at them, a key that this process has never seen may sign: a request waits for the look. */
const keyWaitMs = (publishSeconds * 1000) / 2;

interface Entry {
  readonly revision: number;
  readonly provider: Promise<BuiltProvider>;
  checkedAt: number;
  /** A look at the keys that requests wait for. */
  awaited?: Promise<void> | undefined;
}

/** @returns the source; a failed build is tried again by the next request */
export function createProviderSource(options: ProviderSourceOptions): ProviderSource {
  const built = createRecentMap<string, Entry>(maxIssuers);

  function start(issuer: Issuer): Promise<BuiltProvider> {
    const provider = build(issuer, options);
    built.set(issuer.identifier, { revision: options.resources.revision(), provider, checkedAt: Date.now() });
    provider.catch(() => {
      if (built.get(issuer.identifier)?.provider === provider) built.delete(issuer.identifier);
    });
    return provider;
  }

  /** Looks at the keys beside the request: an outage leaves the provider as it is. */
  async function checkKeys(issuer: Issuer, entry: Entry): Promise<void> {
    entry.checkedAt = Date.now();
    const keyRing = await options.keyRing();
    await rotateSigningKeys(options.storage, issuer, keyRing, options.keyRotation);
    const keys = await loadSigningKeys(options.storage, issuer, keyRing);
    const { publicKeys } = await entry.provider;
    const same = keys.map(({ kid }) => kid).join() === publicKeys.keys.map(({ kid }) => kid).join();
    if (same || built.get(issuer.identifier) !== entry) return;
    const next = build(issuer, options);
    await next;
    if (built.get(issuer.identifier) === entry) {
      built.set(issuer.identifier, { revision: options.resources.revision(), provider: next, checkedAt: Date.now() });
    }
  }

  return (issuer) => {
    const known = built.get(issuer.identifier);
    if (known?.revision !== options.resources.revision()) return start(issuer);
    const age = Date.now() - known.checkedAt;
    if (age > keyCheckMs) {
      const check = checkKeys(issuer, known)
        .catch((error: unknown) =>
          options.events.emit({ type: 'server.error', reason: `signing keys: ${(error as Error).message}` }),
        )
        .finally(() => {
          known.awaited = undefined;
        });
      if (age > keyWaitMs) known.awaited = check;
    }
    if (known.awaited) return known.awaited.then(() => built.get(issuer.identifier)?.provider ?? known.provider);
    return known.provider;
  };
}
