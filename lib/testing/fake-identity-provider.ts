import dns from 'node:dns';
import { authorize } from './authorization-endpoint.ts';
import { createTestCertificate } from './certificate.ts';
import type { ProviderContext } from './context.ts';
import { createLocations } from './locations.ts';
import { createLogins, randomToken, type SimulatedLogin } from './logins.ts';
import type { Misbehaviour } from './misbehaviour.ts';
import { sendKeySet, sendMetadata, sendUserinfo, signOut } from './other-endpoints.ts';
import type { Fact, ProviderProfile, SimulatedUser } from './profile.ts';
import { type ProviderName, providerProfiles } from './profiles.ts';
import type { RecordedRequest } from './request.ts';
import { createRequestListener, type Listeners, listen, type ProviderEndpoint, recordedRequest } from './server.ts';
import { createSigner, createSigningKey, type SigningKey } from './signer.ts';
import { createTokenEndpoint } from './token-endpoint.ts';

/** Which provider, which client, which people. */
export interface FakeIdentityProviderOptions {
  /** Which provider it behaves like: a name, or a profile of your own. @defaultValue 'generic' */
  readonly profile?: ProviderName | ProviderProfile;
  /** Your tenant, by the names of the preset's options, such as `{ oktaDomain: 'dev-1.okta.com' }`. @defaultValue the profile's example */
  readonly parameters?: Readonly<Record<string, string>>;
  /**
   * `loopback` serves everything over http on one free port of 127.0.0.1, issuer included. `real` keeps the provider's own
   * https host names: give `outbound` to `mcpOAuth()`, and it reaches them here. @defaultValue 'loopback'
   */
  readonly hosts?: 'loopback' | 'real';
  /** @defaultValue 'gateway', or one in the provider's own shape */
  readonly clientId?: string;
  /** @defaultValue a fixed one */
  readonly clientSecret?: string;
  /** Lets the client authenticate with `none`, by PKCE alone. @defaultValue false */
  readonly isPublicClient?: boolean;
  /** Public keys of a client that authenticates with `private_key_jwt`. */
  readonly clientJwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
  /** May also be added to later, through the `redirectUris` of the answer. @defaultValue [] */
  readonly redirectUris?: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  /** People by the name to sign in with. @defaultValue those of the profile */
  readonly users?: Readonly<Record<string, SimulatedUser>>;
  /** Signs this person in without a page. @defaultValue asks for a name */
  readonly signInAs?: string;
  /** Milliseconds. @defaultValue Date.now */
  readonly now?: () => number;
}

/** A running fake identity provider. Members that are said to be live may be changed while it runs. */
export interface FakeIdentityProvider {
  readonly profile: ProviderProfile;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Its discovery document. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** `http://127.0.0.1:<port>`: also answers for the real host names, to requests with their Host. */
  readonly url: string;
  /** For the option `outbound` of `mcpOAuth()`: makes the real host names point here, and its certificate trusted. */
  readonly outbound: FakeOutbound;
  /** Real host names that it stands in for; none on plain loopback. */
  readonly hosts: readonly string[];
  /** Live. */
  readonly users: Record<string, SimulatedUser>;
  /** Live. */
  readonly redirectUris: string[];
  /** Live. */
  readonly postLogoutRedirectUris: string[];
  /** Every request, in order of arrival. */
  readonly requests: RecordedRequest[];
  /** Live. */
  readonly misbehave: Misbehaviour;
  /** Live: signs this person in without a page. */
  signInAs: string | undefined;
  /** Undoes all misbehaviour. */
  behave(): void;
  /**
   * Does what a browser would: opens the authorization URL and signs in.
   * @param user a name of `users` @returns the URL that the browser would be sent back to
   */
  signIn(authorizationUrl: string, user: string): string;
  /** Every login so far, in order. */
  readonly logins: readonly SimulatedLogin[];
  /**
   * A logout token for the person's latest login (OpenID Connect Back-Channel Logout section 2.4), to be posted as
   * `logout_token`. Claims given as undefined are left out.
   */
  logoutToken(
    user: string,
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** Signs with a new key from now on. @param keepOld whether the old one is still published */
  rotateKeys(keepOld?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Where names point and what is trusted: what `mcpOAuth({ outbound })` takes. */
export interface FakeOutbound {
  readonly ca?: string | readonly string[];
  readonly lookup?: (
    hostname: string,
    options: { readonly all: true },
    callback: (
      error: Error | null,
      addresses: readonly { readonly address: string; readonly family: number; readonly port?: number }[],
    ) => void,
  ) => void;
}

/**
 * Starts a fake identity provider on loopback: discovery, login page, tokens, userinfo, keys and logout of a real one, as
 * far as its public documentation tells, and every way to get them wrong.
 * @example
 * const idp = await startIdentityProvider({ profile: 'okta', hosts: 'real' });
 * const auth = mcpOAuth({ ...okta({ oktaDomain: 'acme.okta.com', clientId: idp.clientId, clientSecret: idp.clientSecret }), outbound: idp.outbound });
 */
export async function startIdentityProvider(options: FakeIdentityProviderOptions = {}): Promise<FakeIdentityProvider> {
  const { clientSecret = 'gateway-secret-of-at-least-32-bytes', now = Date.now } = options;
  const given = options.profile ?? 'generic';
  const profile: ProviderProfile = typeof given === 'string' ? providerProfiles[given] : given;
  const clientId = options.clientId ?? profile.parameters.clientId ?? 'gateway';
  const behaviour = valuesOf(profile.behaviour);
  const users = structuredClone(options.users ?? profile.users) as Record<string, SimulatedUser>;
  const [redirectUris, postLogoutRedirectUris] = [
    [...(options.redirectUris ?? [])],
    [...(options.postLogoutRedirectUris ?? [])],
  ];
  const misbehave: Misbehaviour = {};
  const requests: RecordedRequest[] = [];
  const logins = createLogins();
  const first = await createSigningKey(behaviour.signingAlgorithm);
  const keys = [first];
  let foreignKey: Promise<SigningKey> | undefined;
  const foreignPrivateKey = async () => {
    foreignKey ??= createSigningKey(behaviour.signingAlgorithm);
    return (await foreignKey).privateKey;
  };
  const sign = createSigner(() => ({ ...(keys[0] ?? first), foreignPrivateKey, clientSecret }));

  const endpoints = new Map<string, ProviderEndpoint>();
  const isReal = options.hosts === 'real';
  const parameters = { clientId, ...options.parameters };
  const { hosts } = createLocations(profile, parameters, undefined);
  const certificate = isReal ? createTestCertificate(hosts, now()) : undefined;
  let loopbackOrigin = '';
  const listeners = await listen(
    createRequestListener({
      endpoints,
      misbehave,
      requests,
      originOf: ({ headers }) => (isReal ? `https://${headers.host}` : loopbackOrigin),
    }),
    certificate,
  );
  loopbackOrigin = `http://127.0.0.1:${listeners.httpPort}`;

  const { resolve } = createLocations(profile, parameters, isReal ? undefined : loopbackOrigin);
  const metadata = resolve(valuesOf(profile.metadata));
  const issuer = String(metadata.issuer);
  let signInAs = options.signInAs;
  const context: ProviderContext = {
    profile,
    behaviour,
    issuer,
    metadata,
    resolve,
    client: {
      id: clientId,
      secret: clientSecret,
      isPublic: options.isPublicClient ?? false,
      jwks: options.clientJwks ?? { keys: [] },
      redirectUris,
      postLogoutRedirectUris,
    },
    users,
    logins,
    misbehave,
    signInAs: () => signInAs,
    sign,
    publicKeys: () => keys.map(({ publicJwk }) => ({ ...publicJwk })),
    now: () => Math.floor(now() / 1000),
  };
  for (const [url, endpoint] of endpointsOf(context)) endpoints.set(url, endpoint);

  return {
    profile,
    issuer,
    clientId,
    clientSecret,
    metadata,
    url: loopbackOrigin,
    outbound: certificate === undefined ? {} : outboundTo(listeners, hosts, certificate.cert),
    hosts: isReal ? hosts : [],
    users,
    redirectUris,
    postLogoutRedirectUris,
    requests,
    misbehave,
    logins: logins.all,
    get signInAs() {
      return signInAs;
    },
    set signInAs(user) {
      signInAs = user;
    },
    behave() {
      for (const knob of Object.keys(misbehave) as (keyof Misbehaviour)[]) delete misbehave[knob];
    },
    signIn(authorizationUrl, user) {
      const request = recordedRequest('GET', authorizationUrl);
      requests.push(request);
      if (request.url !== metadata.authorization_endpoint) throw new Error('not an authorization URL of this provider');
      const { status, headers, body } = authorize(context, request, user);
      if (typeof headers.location === 'string') return headers.location;
      throw new Error(`the authorization endpoint answered ${status}: ${body}`);
    },
    logoutToken: (user, claims, header) => signLogoutToken(context, user, claims, header),
    async rotateKeys(keepOld = true) {
      keys.unshift(await createSigningKey(behaviour.signingAlgorithm));
      if (!keepOld) keys.splice(1);
    },
    close: listeners.close,
  };
}

function endpointsOf(context: ProviderContext): [string, ProviderEndpoint][] {
  const { behaviour, issuer, metadata, profile, resolve } = context;
  const { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, end_session_endpoint } = metadata;
  const discovery = profile.discoveryUrl
    ? resolve(profile.discoveryUrl.value)
    : `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const logout = profile.logoutEndpoint === undefined ? end_session_endpoint : resolve(profile.logoutEndpoint.value);
  const all: [unknown, ProviderEndpoint][] = [
    [behaviour.discovery ? discovery : undefined, { knob: 'discovery', answer: () => sendMetadata(context) }],
    [jwks_uri, { knob: 'jwks', answer: () => sendKeySet(context) }],
    [authorization_endpoint, { answer: (request) => authorize(context, request) }],
    [token_endpoint, { knob: 'token', answer: createTokenEndpoint(context) }],
    [userinfo_endpoint, { knob: 'userinfo', answer: (request) => sendUserinfo(context, request) }],
    [behaviour.logout === 'none' ? undefined : logout, { answer: (request) => signOut(context, request) }],
  ];
  return all.flatMap(([url, endpoint]) => (typeof url === 'string' ? [[url, endpoint]] : []));
}

/** Other names keep the system's resolver. */
function outboundTo({ httpsPort }: Listeners, hosts: readonly string[], ca: string): FakeOutbound {
  const here = { address: '127.0.0.1', family: 4, ...(httpsPort !== undefined && { port: httpsPort }) };
  return {
    ca,
    lookup: (hostname, options, callback) =>
      hosts.includes(hostname) ? callback(null, [here]) : dns.lookup(hostname, options, callback),
  };
}

/**
 * One `outbound` for several fake providers, each under its own host names.
 * @example mcpOAuth({ identityProviders: [{ id: 'ours', ...okta(...) }, { id: 'theirs', ...entra(...) }], outbound: joinOutbound(first, second) })
 */
export function joinOutbound(...providers: readonly FakeIdentityProvider[]): FakeOutbound {
  return {
    ca: providers.flatMap(({ outbound }) => outbound.ca ?? []),
    lookup(hostname, options, callback) {
      const lookup = providers.find(({ hosts }) => hosts.includes(hostname))?.outbound.lookup ?? dns.lookup;
      lookup(hostname, options, callback);
    },
  };
}

async function signLogoutToken(
  { client, issuer, logins, now, resolve, sign, users, behaviour }: ProviderContext,
  user: string,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const latest = logins.all.findLast((login) => login.user === user);
  const { sub, iss = issuer } = resolve(users[user]?.idToken ?? {});
  const token = {
    iss,
    aud: client.id,
    iat: now(),
    exp: now() + 120,
    jti: randomToken(),
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    ...(sub !== undefined && { sub }),
    ...(behaviour.backChannelLogout && latest && { sid: latest.sid }),
    ...claims,
  };
  const kept = Object.entries(token).filter(([, value]) => value !== undefined);
  return sign(Object.fromEntries(kept), 'provider-key', { typ: 'logout+jwt', ...header });
}

function valuesOf<T extends object>(
  facts: T,
): { readonly [Name in keyof T]: T[Name] extends Fact<infer Value> ? Value : never } {
  const entries = Object.entries(facts as Record<string, Fact<unknown>>).map(([name, { value }]) => [name, value]);
  return Object.fromEntries(entries);
}
