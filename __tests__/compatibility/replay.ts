/**
 * Drives one fixture through a gateway of its own, as strictly as the strictest client would read the answers:
 *
 * 1. the MCP URL without a token: 401 with its challenge, then the metadata of the resource and of the server;
 * 2. registration, a metadata document at the client's own URL, or an id that the operator gave it;
 * 3. the authorization request, the approval page, the sign-in, and back to the client's redirect URI;
 * 4. the code for tokens, and a tool call at a real MCP server with them;
 * 5. the refresh, and a tool call with the new token.
 */
import { createHash, randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { McpOAuthOptions } from '../../lib/index.ts';
import { type DocumentHost, startDocumentHost } from '../clients/document-host.ts';
import { createBrowser } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createSdkV1McpHandler, type WhoAmI } from '../helpers/mcp-servers.ts';
import { basic } from '../helpers/oauth-client.ts';
import { approve, atDevLogin } from '../helpers/sdk-clients.ts';
import { type Client, createClient, expectThat, readForm, readJson } from './client.ts';
import { type Fixture, fill, type Identity } from './fixture.ts';

/** What every replay shares: the hosts of all metadata documents, under their real names, and the clients' key. */
export interface ReplayHosts {
  readonly documents: DocumentHost;
  readonly sign: (claims: { clientId: string; audience: string }) => Promise<string>;
  readonly publicKey: JWK;
  close(): Promise<void>;
}

const httpsPort = 443;

/** Listens on port 443, as the clients' URLs say; where that is taken or forbidden, the URLs get another port. */
export async function startReplayHosts(fixtures: readonly Fixture[]): Promise<ReplayHosts> {
  const urls = fixtures.flatMap(({ identity }) => (identity.kind === 'metadata document' ? [identity.url] : []));
  const names = new Set(urls.map((url) => new URL(url.replaceAll(/[{}]/g, '')).hostname));
  const documents = await startDocumentHost([...names], httpsPort);
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  return {
    documents,
    publicKey: { ...(await exportJWK(publicKey)), kid: 'client-key', use: 'sig', alg: 'RS256' },
    sign: ({ clientId, audience }) =>
      new SignJWT({ jti: randomBytes(16).toString('hex') })
        .setProtectedHeader({ alg: 'RS256', kid: 'client-key' })
        .setIssuer(clientId)
        .setSubject(clientId)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('60s')
        .sign(privateKey),
    close: () => documents.close(),
  };
}

/** Codex's `callback_id_from_server_url`. */
const callbackIdOf = (mcpUrl: string) =>
  createHash('sha256').update(mcpUrl).digest().subarray(0, 9).toString('base64url');

/** The gateway's options that a fixture needs, and no others. */
function optionsFor({ identity }: Fixture, { documents }: ReplayHosts): Partial<McpOAuthOptions> {
  switch (identity.kind) {
    case 'registration':
      return {};
    case 'pre-registered':
      return { clients: [identity.metadata as unknown as NonNullable<McpOAuthOptions['clients']>[number]] };
    case 'metadata document':
      return identity.pinned
        ? { cimd: { pinned: { [identity.url]: identity.pinned } } }
        : { outbound: documents.outbound };
  }
}

interface Registered {
  readonly clientId: string;
  readonly clientSecret?: string;
}

/** Publishes the document, with the port in its URLs where the host has another one than 443. */
function publish(identity: Identity & { kind: 'metadata document' }, hosts: ReplayHosts): Registered {
  if (identity.pinned) return { clientId: identity.url };
  const { documents } = hosts;
  const { jwks_uri: jwksUri } = identity.document;
  const document = { ...identity.document, client_id: documents.at(identity.url) };
  if (typeof jwksUri === 'string') {
    Object.assign(document, { jwks_uri: documents.at(jwksUri) });
    documents.serve(jwksUri, { keys: [hosts.publicKey] });
  }
  documents.serve(identity.url, document, identity.headers);
  return { clientId: document.client_id };
}

async function registerClient(client: Client, endpoint: string, fixture: Fixture): Promise<Registered> {
  const { identity } = fixture;
  if (identity.kind !== 'registration') throw new TypeError('the fixture does not register');
  const answer = await client.postJson('registration', endpoint, identity.request);
  expectThat(answer.status === 201, 'registration', `status ${answer.status}: ${answer.text}`);
  expectThat(!answer.text.includes('null'), 'registration', 'the answer holds null'); // Clients' schemas refuse it.
  const { client_id: clientId, client_secret: clientSecret } = readJson(answer, 'registration');
  const asksForSecret = fixture.authentication.startsWith('client_secret_');
  expectThat((clientSecret !== undefined) === asksForSecret, 'registration', 'a secret is issued to those that ask');
  return { clientId: String(clientId), ...(asksForSecret && { clientSecret: String(clientSecret) }) };
}

async function callTool(client: Client, mcpUrl: string, token: string, clientId: string): Promise<void> {
  const text = await client.callTool(mcpUrl, token, 'whoami');
  const who = JSON.parse(text) as WhoAmI;
  expectThat(who.clientId === clientId, 'tool call', `the tool saw client ${who.clientId}`);
  expectThat(who.resource === mcpUrl, 'tool call', `the tool saw resource ${who.resource}`);
}

/** What the replay goes through: any server on loopback with the dev login. */
export interface Replayed {
  readonly mcpUrl: string;
  /** Calls a tool with a token. @throws Error where the tool does not see this client */
  callTool(client: Client, mcpUrl: string, token: string, clientId: string): Promise<void>;
}

/** @param hosts of metadata documents, for the clients that have one */
export async function replayAt({ mcpUrl, callTool }: Replayed, given: Fixture, hosts?: ReplayHosts): Promise<void> {
  const client = createClient(given.origin, given.protocolVersion);
  const { resource, server } = await client.discover(mcpUrl);
  const found = {
    resource: String(resource.resource),
    scope: client.challengeScope(),
    resource_scopes: resource.scopes_supported.join(' '),
    server_scopes: server.scopes_supported.join(' '),
    callback_id: callbackIdOf(mcpUrl),
  };
  const { identity, redirectUri } = fill({ identity: given.identity, redirectUri: given.redirectUri }, found);
  const fixture: Fixture = { ...given, identity, redirectUri };

  const { clientId, clientSecret } =
    identity.kind === 'registration'
      ? await registerClient(client, server.registration_endpoint, fixture)
      : identity.kind === 'metadata document'
        ? publish(identity, hosts as ReplayHosts)
        : { clientId: identity.metadata.client_id, clientSecret: String(identity.metadata.client_secret) };
  const verifier = randomBytes(32).toString('base64url');
  const request = {
    ...found,
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uri: redirectUri,
    state: randomBytes(16).toString('base64url'),
    code_verifier: verifier,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  };
  const headers = fixture.authentication === 'client_secret_basic' ? basic(clientId, clientSecret ?? '') : {};
  const requestTokens = async (
    step: string,
    template: Fixture['token'],
    values: Record<string, string | undefined>,
  ) => {
    const assertion =
      fixture.authentication === 'private_key_jwt'
        ? await (hosts as ReplayHosts).sign({ clientId, audience: server.token_endpoint })
        : undefined;
    const parameters = fill(template, { ...request, ...values, client_assertion: assertion });
    const answer = await client.postForm(step, server.token_endpoint, parameters, headers);
    expectThat(answer.status === 200, step, `status ${answer.status}: ${answer.text}`);
    expectThat(answer.headers.get('cache-control') === 'no-store', step, 'the answer may be cached');
    const tokens = readJson(answer, step) as { access_token: string; refresh_token?: string; scope?: string };
    expectThat(tokens.refresh_token !== undefined, step, 'there is no refresh token');
    expectThat(tokens.scope === found.scope, step, `granted ${tokens.scope} of ${found.scope}`);
    return tokens;
  };

  const authorize = fill(fixture.authorize, request);
  const { callback } = await approve(
    createBrowser(),
    `${server.authorization_endpoint}?${readForm(authorize)}`,
    atDevLogin(),
  );
  const code = callback.searchParams.get('code');
  expectThat(code !== null, 'authorization', `ended at ${callback.search}`);
  expectThat(callback.searchParams.get('state') === authorize.state, 'authorization', 'another state came back');
  expectThat(callback.searchParams.get('iss') === server.issuer, 'authorization', 'iss is not the issuer'); // Goose, Codex.

  const first = await requestTokens('token', fixture.token, { code: code ?? '' });
  await callTool(client, mcpUrl, first.access_token, clientId);
  const second = await requestTokens('refresh', fixture.refresh, { refresh_token: first.refresh_token });
  expectThat(second.refresh_token !== first.refresh_token, 'refresh', 'the refresh token did not rotate');
  await callTool(client, mcpUrl, second.access_token, clientId);
}

/** Resolves when the client came through all of it. @throws Error that names the step */
export async function replay(fixture: Fixture, hosts: ReplayHosts): Promise<void> {
  const handler = createSdkV1McpHandler('stateful');
  const { allowedOrigins } = fixture;
  const gateway = await startGateway({
    options: () => optionsFor(fixture, hosts),
    routes: (app, auth) =>
      void app.all('/mcp', auth.authenticate('/mcp', { ...(allowedOrigins && { allowedOrigins }) }), handler),
  });
  try {
    await replayAt({ mcpUrl: `${gateway.url}/mcp`, callTool }, fixture, hosts);
  } finally {
    await handler.close();
    await gateway.close();
  }
}
