/**
 * The schema of a client fixture: what one MCP client sends, from registration to refresh. One JSON file a client and way
 * of identification, in `fixtures/`.
 *
 * Text may hold placeholders, which the replay fills in: `{resource}` the MCP URL as its user typed it, `{scope}` the scope
 * of the 401 challenge, `{resource_scopes}` and `{server_scopes}` the `scopes_supported` of the resource's and the server's
 * metadata, `{callback_id}` Codex's hash of the MCP URL, and in requests `{client_id}`, `{client_secret}`, `{redirect_uri}`,
 * `{state}`, `{code_challenge}`, `{code_verifier}`, `{code}`, `{refresh_token}`, `{client_assertion}`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where a fixture comes from. `captured`: its registration request or metadata document is the client's own, quoted in the
 * source; the other requests follow the client's documentation or source code. `rebuilt from a description`: all of it
 * does. `real run`: the client itself runs here, and what it sends is compared with the fixture.
 */
export const bases = ['captured', 'rebuilt from a description', 'real run'] as const;
export type Basis = (typeof bases)[number];

export const authenticationMethods = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

/** Names as they go over the wire. */
export type Parameters = Readonly<Record<string, string>>;

/** How the client comes by its client id. */
export type Identity =
  | {
      readonly kind: 'registration';
      /** Body of the registration request (RFC 7591 section 3.1). */
      readonly request: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'metadata document';
      /** The client id, and where the document is. */
      readonly url: string;
      readonly document: Readonly<Record<string, unknown>>;
      /** Headers that its host answers with, such as `cache-control`. */
      readonly headers?: Readonly<Record<string, string>>;
      /** The document as the operator gives it in `cimd.pinned`; it is then not fetched. */
      readonly pinned?: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'pre-registered';
      /** An entry of the option `clients`; the id is typed into the client. */
      readonly metadata: Readonly<Record<string, unknown>> & { readonly client_id: string };
    };

export interface Fixture {
  /** File name without `.json`. */
  readonly id: string;
  /** The client as people call it; its set-up section in docs/clients.md has the same name or holds it. */
  readonly client: string;
  /** What tells several fixtures of one client apart. */
  readonly variant?: string;
  readonly basis: Basis;
  /** Public pages that show what is in here. */
  readonly sources: readonly string[];
  /** What a reader should know about the evidence. */
  readonly note?: string;
  readonly identity: Identity;
  /** As sent, with the port of this run: often another one than was registered. */
  readonly redirectUri: string;
  readonly authentication: (typeof authenticationMethods)[number];
  /** Origin of a client that runs in a browser: all requests but navigation carry it, after a preflight. */
  readonly origin?: string;
  /** MCP revision of its `initialize` request. */
  readonly protocolVersion: string;
  /** All query parameters of the authorization request. */
  readonly authorize: Parameters;
  /** All form parameters of the token request for the code. */
  readonly token: Parameters;
  /** All form parameters of the refresh. */
  readonly refresh: Parameters;
  /** `allowedOrigins` of the route, where the client needs them. */
  readonly allowedOrigins?: readonly string[];
}

const folder = fileURLToPath(new URL('fixtures/', import.meta.url));

const required = ['client', 'basis', 'sources', 'identity', 'redirectUri', 'authentication', 'protocolVersion'];
const requests = ['authorize', 'token', 'refresh'] as const;
const optional = ['variant', 'note', 'origin', 'allowedOrigins'];
const identityMembers: Readonly<Record<string, readonly string[]>> = {
  registration: ['kind', 'request'],
  'metadata document': ['kind', 'url', 'document', 'headers', 'pinned'],
  'pre-registered': ['kind', 'metadata'],
};

/** Everything in which a parsed file differs from the schema. */
export function problemsOf(value: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(value);
  const known = [...required, ...requests, ...optional];
  const { basis, sources, authentication, identity } = value as Partial<Fixture>;
  const members = identityMembers[String(identity?.kind)];
  const isParameters = (parameters: unknown) =>
    typeof parameters === 'object' &&
    parameters !== null &&
    Object.values(parameters).every((text) => typeof text === 'string');
  return [
    ...names.filter((name) => !known.includes(name)).map((name) => `${name} is no member`),
    ...[...required, ...requests].filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
    ...(bases.some((candidate) => candidate === basis) ? [] : [`basis must be one of ${bases.join(', ')}`]),
    ...(authenticationMethods.some((method) => method === authentication) ? [] : ['authentication is not known']),
    ...(Array.isArray(sources) && sources.length > 0 && sources.every((url) => /^https:\/\/\S+$/.test(String(url)))
      ? []
      : ['sources must be https URLs, at least one']),
    ...(members ? [] : ['identity.kind is not known']),
    ...Object.keys(identity ?? {})
      .filter((name) => members && !members.includes(name))
      .map((name) => `identity.${name} is no member`),
    ...requests.filter((name) => !isParameters(value[name])).map((name) => `${name} must be texts by name`),
  ];
}

/** All fixtures by file name. @throws Error naming every file and member that is wrong */
export function loadFixtures(): Fixture[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  const problems: string[] = [];
  const fixtures = files.map((file) => {
    const value = JSON.parse(readFileSync(`${folder}${file}`, 'utf8')) as Record<string, unknown>;
    problems.push(...problemsOf(value).map((problem) => `${file}: ${problem}`));
    return { id: file.replace(/\.json$/, ''), ...value } as unknown as Fixture;
  });
  if (problems.length > 0) throw new Error(`fixtures that do not fit the schema:\n${problems.join('\n')}`);
  return fixtures;
}

export const nameOf = ({ client, variant }: Fixture): string =>
  variant === undefined ? client : `${client} (${variant})`;

/** Fills in placeholders, in every text of a JSON value. @throws Error for a placeholder without a value */
export function fill<Value>(value: Value, values: Readonly<Record<string, string | undefined>>): Value {
  const text = JSON.stringify(value).replace(/\{([a-z_]+)\}/g, (_whole, name: string) => {
    const found = values[name];
    if (found === undefined) throw new Error(`there is no value for {${name}}`);
    return JSON.stringify(found).slice(1, -1);
  });
  return JSON.parse(text) as Value;
}
