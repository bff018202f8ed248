import { defaultAuthMethod } from './clients/client-metadata.ts';
import { checkClientGrants } from './grants/resolve-client-grants.ts';
import type { ResolvedIdJag } from './grants/resolve-id-jag-options.ts';
import type { CimdOptions, ClientMetadata, RegistrationOptions } from './options.ts';
import { isPublicKey } from './resolve-options-rules.ts';
import { kindOf, type OptionReader } from './shared/option-reader.ts';

/** `registration`, `cimd`, `clients` and `loadClient` with their defaults. */
export interface ResolvedClients {
  readonly registration: ResolvedRegistration;
  readonly cimd: ResolvedCimd;
  readonly fixed: readonly ClientMetadata[];
  readonly load: ((clientId: string) => Promise<ClientMetadata | undefined>) | undefined;
}

export interface ResolvedRegistration {
  readonly enabled: boolean;
  readonly initialAccessToken: string | undefined;
  readonly allowedSchemes: readonly string[];
  readonly allowRedirect?: (uri: string) => boolean;
  readonly unusedClientTtlSeconds: number;
  readonly clientTtlSeconds: number;
}

export interface ResolvedCimd {
  readonly staleIfErrorSeconds: number;
  readonly allowedHosts?: readonly string[];
  readonly deniedHosts?: readonly string[];
  readonly internalHosts: readonly string[];
  readonly allowClient: ((document: Readonly<Record<string, unknown>>) => boolean) | undefined;
  readonly pinned: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The clients stage's rules for metadata: a public description of what is wrong, or undefined. */
export type ClientCheck = (metadata: Record<string, unknown>, allowedSchemes: readonly string[]) => string | undefined;

const registrationNames = [
  'enabled',
  'initialAccessToken',
  'allowedSchemes',
  'allowRedirect',
  'unusedClientTtlSeconds',
  'clientTtlSeconds',
] as const satisfies readonly (keyof RegistrationOptions)[];

const cimdNames = [
  'staleIfErrorSeconds',
  'allowedHosts',
  'deniedHosts',
  'internalHosts',
  'allowClient',
  'pinned',
] as const satisfies readonly (keyof CimdOptions)[];

const clientNames = [
  'client_id',
  'client_secret',
  'client_name',
  'redirect_uris',
  'token_endpoint_auth_method',
  'grant_types',
  'resource_scopes',
  'jwks',
  'jwks_uri',
  'client_uri',
  'logo_uri',
] as const satisfies readonly (keyof ClientMetadata)[];

const schemeRule = {
  what: "URI schemes without a dot and colon, such as 'acme-app'",
  accept: (text: string) => /^[a-z][a-z0-9+-]*$/.test(text) && text !== 'http' && text !== 'https',
};
const hostRule = {
  what: "lower-case host names, or '*.example.com'",
  accept: (text: string) => /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$/.test(text),
};
const hostAndPortRule = {
  what: "'host:port' entries, such as 'clients.corp.example:443'",
  accept: (text: string) => /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?:[1-9]\d{0,4}$/.test(text),
};

function readRegistration(options: OptionReader): ResolvedRegistration {
  const registration = options.group('registration', registrationNames);
  const allowRedirect = registration.fn('allowRedirect') as ((uri: string) => boolean) | undefined;
  return {
    enabled: registration.boolean('enabled', true),
    initialAccessToken: registration.string('initialAccessToken', {
      what: 'a bearer token of at least 16 characters',
      accept: (text) => /^[A-Za-z0-9\-._~+/]{16,}=*$/.test(text),
    }),
    allowedSchemes: registration.strings('allowedSchemes', schemeRule) ?? [],
    ...(allowRedirect && { allowRedirect }),
    unusedClientTtlSeconds: registration.integer('unusedClientTtlSeconds', {
      min: 60,
      max: 2_592_000,
      fallback: 86_400,
    }),
    clientTtlSeconds: registration.integer('clientTtlSeconds', { min: 60, max: 315_360_000, fallback: 7_776_000 }),
  };
}

function readPinned(cimd: OptionReader): ResolvedCimd['pinned'] {
  const pinned = cimd.value('pinned');
  if (pinned === undefined) return {};
  if (typeof pinned !== 'object' || pinned === null || Array.isArray(pinned)) {
    cimd.problem('pinned', `must be an object of documents by client id, got ${kindOf(pinned)}`);
    return {};
  }
  for (const [clientId, document] of Object.entries(pinned)) {
    if (!clientId.startsWith('https://') || (document as { client_id?: unknown } | null)?.client_id !== clientId) {
      cimd.problem('pinned', 'must map each https client id to a document whose client_id is the same URL');
    }
  }
  return pinned as ResolvedCimd['pinned'];
}

function readCimd(options: OptionReader): ResolvedCimd {
  const cimd = options.group('cimd', cimdNames);
  const allowedHosts = cimd.strings('allowedHosts', hostRule);
  const deniedHosts = cimd.strings('deniedHosts', hostRule);
  return {
    staleIfErrorSeconds: cimd.integer('staleIfErrorSeconds', { min: 0, max: 604_800, fallback: 86_400 }),
    ...(allowedHosts && { allowedHosts }),
    ...(deniedHosts && { deniedHosts }),
    internalHosts: cimd.strings('internalHosts', hostAndPortRule) ?? [],
    allowClient: cimd.fn('allowClient') as ResolvedCimd['allowClient'],
    pinned: readPinned(cimd),
  };
}

const methodRule = {
  what: 'none, client_secret_basic, client_secret_post or private_key_jwt',
  accept: (text: string) => ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'].includes(text),
};
const httpsRule = { what: 'an https URL', accept: (text: string) => URL.parse(text)?.protocol === 'https:' };
const webRule = {
  what: 'an http or https URL',
  accept: (text: string) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
};

/** Keys where they are needed, from one place. */
function readKeys(client: OptionReader, method: string | undefined): void {
  const jwks = client.value('jwks') as { keys?: unknown } | null | undefined;
  const hasUri = client.has('jwks_uri');
  client.string('jwks_uri', httpsRule);
  if (jwks !== undefined && (!Array.isArray(jwks?.keys) || jwks.keys.length === 0 || !jwks.keys.every(isPublicKey)))
    client.problem('jwks', 'must be a set of public RSA, EC or OKP keys');
  if (jwks !== undefined && hasUri) client.problem('jwks_uri', 'must not be given beside jwks');
  if (method === 'private_key_jwt' && jwks === undefined && !hasUri)
    client.problem('jwks', 'or jwks_uri must be given for private_key_jwt');
}

function readFixedClients(
  options: OptionReader,
  check: ClientCheck,
  allowedSchemes: readonly string[],
  idJag: ResolvedIdJag | undefined,
): ClientMetadata[] {
  const ids = new Set<string>();
  return options.groups('clients', clientNames).map((client) => {
    const clientId = client.string('client_id', {
      what: 'a string of 1 to 255 printable characters that is not a URL',
      accept: (text) => /^[\x21-\x7e]{1,255}$/.test(text) && !/^https?:/i.test(text),
    });
    if (!client.has('client_id')) client.problem('client_id', 'must be given');
    if (clientId !== undefined && ids.has(clientId)) client.problem('client_id', 'is given to another client already');
    if (clientId !== undefined) ids.add(clientId);
    const metadata = Object.fromEntries(
      clientNames.filter((name) => client.has(name)).map((name) => [name, client.value(name)]),
    ) as Record<string, unknown>;
    metadata.token_endpoint_auth_method ??= defaultAuthMethod(metadata);
    const method = client.string('token_endpoint_auth_method', methodRule) ?? metadata.token_endpoint_auth_method;
    readKeys(client, String(method));
    checkClientGrants(client, method, idJag);
    for (const name of ['client_uri', 'logo_uri']) client.string(name, webRule);
    const secret = client.string('client_secret', {
      what: 'a string of at least 16 characters',
      accept: (text) => text.length >= 16,
    });
    if (String(method).startsWith('client_secret_') && !client.has('client_secret') && secret === undefined) {
      client.problem('client_secret', `must be given for ${String(method)}`);
    }
    const problem = check({ ...metadata, client_id: clientId }, allowedSchemes);
    if (problem !== undefined) client.problem('redirect_uris', problem.replace(/^redirect_uris(?:\b|$)\s*/, ''));
    return metadata as unknown as ClientMetadata;
  });
}

export function readClientOptions(
  options: OptionReader,
  check: ClientCheck,
  idJag: ResolvedIdJag | undefined,
): ResolvedClients {
  const registration = readRegistration(options);
  return {
    registration,
    cimd: readCimd(options),
    fixed: readFixedClients(options, check, registration.allowedSchemes, idJag),
    load: options.fn('loadClient') as ResolvedClients['load'],
  };
}
