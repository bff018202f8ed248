import { type Authorization, createAuthorization } from './authorization.ts';
import { type ChallengeParameters, readChallenge } from './challenge.ts';
import { Missing } from './check.ts';
import type { Answer, Probe } from './probe.ts';
import { createRegistrations, type Registrations } from './registrations.ts';
import { insertedUrl, isHtml } from './well-known.ts';

type Document = Readonly<Record<string, unknown>>;

/** What the command line says of a run. */
export interface DeploymentOptions {
  /** The URL that was typed: of the MCP endpoint, or of the issuer. */
  readonly url: string;
  /** Certificate authorities in PEM, instead of the system's. */
  readonly ca: string | undefined;
  /** An access token for the MCP endpoint; without one, streams are not looked at. */
  readonly accessToken: string | undefined;
  /** A tool that sends progress, and its arguments: called with the access token, to see whether progress comes at once. */
  readonly tool: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> } | undefined;
  /** Origin of a page that calls the MCP endpoint from a browser. @defaultValue the endpoint's own */
  readonly webOrigin: string | undefined;
  /** A token that registration requests must carry. */
  readonly initialAccessToken: string | undefined;
  /** Metadata documents to let the deployment fetch, instead of those of known clients. */
  readonly clientDocuments: readonly string[];
  /** How long an answer may take to begin before that is a warning, milliseconds. */
  readonly latencyMs: number;
  /** How long the head of an event stream may take, milliseconds. */
  readonly streamMs: number;
  /** The present, milliseconds. */
  readonly now: () => number;
}

/** A deployment from outside. Everything is asked once, when a check first wants it. */
export interface Deployment {
  readonly options: DeploymentOptions;
  readonly probe: Probe;
  /** The MCP endpoint as it was typed, and its parts. @throws Missing where only an issuer was typed */
  endpoint(): URL;
  /** A POST without a token. */
  challenge(): Promise<Answer>;
  /** Parameters of its Bearer challenge; undefined where it has none. */
  challengeParameters(): Promise<ChallengeParameters | undefined>;
  /** The answer at the resource metadata's own place (RFC 9728 section 3.1). */
  resourceMetadata(): Promise<Answer>;
  /** Resource metadata, wherever a client finds it. @throws Missing */
  resourceDocument(): Promise<Document>;
  /** Issuer as a client believes it to be. */
  issuer(): Promise<string>;
  /** The answer at the place of RFC 8414. */
  serverMetadata(): Promise<Answer>;
  /** Server metadata, wherever a client finds it. @throws Missing */
  serverDocument(): Promise<Document>;
  /** An endpoint of the server metadata. @throws Missing */
  serverEndpoint(name: string): Promise<string>;
  readonly registrations: Registrations;
  readonly authorization: Authorization;
}

/** A fact that is looked up once. */
function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= find();
    return found;
  };
}

/** An `initialize` request, as every client sends it first. */
export const initializeRequest = {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'express-mcp-auth doctor', version: '1.0.0' },
    },
  }),
} as const;

/** Begins a look at a deployment. @throws ProbeError where nothing answers */
export async function openDeployment(options: DeploymentOptions, probe: Probe): Promise<Deployment> {
  const typed = new URL(options.url);
  const challenge = once(() => probe.send(options.url, initializeRequest));
  const first = await challenge();
  // A bare origin is an issuer, unless an MCP server answers at its root.
  const isIssuer = typed.pathname === '/' && first.status !== 401;

  const challengeParameters = once(async () => readChallenge((await challenge()).headers['www-authenticate']));
  const resourceMetadata = once(() => probe.send(insertedUrl(endpoint(), '/.well-known/oauth-protected-resource')));

  function endpoint(): URL {
    if (isIssuer) throw new Missing('give the URL of an MCP endpoint to have it looked at');
    return typed;
  }

  const resourceDocument = once(async () => {
    const atItsPlace = await resourceMetadata();
    if (atItsPlace.json && atItsPlace.status === 200) return atItsPlace.json;
    const named = (await challengeParameters())?.resource_metadata;
    const answer = named !== undefined && URL.canParse(named) ? await probe.send(named) : undefined;
    if (answer?.json && answer.status === 200) return answer.json;
    throw new Missing('there is no resource metadata');
  });

  const issuer = once(async () => {
    if (isIssuer) return typed.origin;
    const document = await resourceDocument().catch(() => undefined);
    const servers = document?.authorization_servers;
    const [named] = Array.isArray(servers) ? servers : [];
    return typeof named === 'string' && URL.canParse(named) ? named : typed.origin;
  });

  const serverMetadata = once(async () =>
    probe.send(insertedUrl(new URL(await issuer()), '/.well-known/oauth-authorization-server')),
  );

  const serverDocument = once(async () => {
    const { json, status } = await serverMetadata();
    if (json && status === 200) return json;
    const base = (await issuer()).replace(/\/$/, '');
    const other = await probe.send(`${base}/.well-known/openid-configuration`);
    if (other.json && other.status === 200) return other.json;
    throw new Missing('there is no server metadata');
  });

  async function serverEndpoint(name: string): Promise<string> {
    const value = (await serverDocument())[name];
    if (typeof value === 'string' && URL.canParse(value)) return value;
    throw new Missing(`the server metadata has no ${name}`);
  }

  const registrations = createRegistrations(probe, () => serverEndpoint('registration_endpoint'), options);
  const resource = once(async () => {
    if (isIssuer) return undefined;
    const named = (await resourceDocument().catch(() => undefined))?.resource;
    return typeof named === 'string' ? named : options.url;
  });
  const authorization = createAuthorization({ probe, registrations, serverEndpoint, resource });

  return {
    options,
    probe,
    endpoint,
    challenge,
    challengeParameters,
    resourceMetadata,
    resourceDocument,
    issuer,
    serverMetadata,
    serverDocument,
    serverEndpoint,
    registrations,
    authorization,
  };
}

/** What is wrong with an answer that has to be a JSON document; undefined where nothing is. */
export function documentProblem({ url, status, headers, json, text }: Answer): string | undefined {
  if (status !== 200)
    return `${url} answers ${status}${status >= 300 && status < 400 ? ', a redirect,' : ''} instead of 200`;
  if (isHtml(text)) return `${url} answers a web page instead of JSON: something in front of the middleware does`;
  if (!json) return `${url} answers no JSON object`;
  if (!/^application\/(?:[\w.-]+\+)?json\b/.test(headers['content-type'] ?? ''))
    return `${url} answers ${headers['content-type'] ?? 'without a content type'} instead of application/json`;
  return undefined;
}
