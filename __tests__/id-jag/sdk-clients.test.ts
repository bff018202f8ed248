import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Client as ClientV2,
  ClientCredentialsProvider as CredentialsV2,
  CrossAppAccessProvider,
  PrivateKeyJwtProvider as KeyV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import {
  ClientCredentialsProvider as CredentialsV1,
  PrivateKeyJwtProvider as KeyV1,
} from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK } from 'jose';
import { createSdkV2McpHandler, type McpTestHandler } from '../helpers/mcp-servers.ts';
import { type Changes, createIdJagKey, type IdJagKey } from './issuer.ts';
import { agent, jwtBearer, type Redemption, startRedemption } from './support.ts';

const info = { name: 'agent', version: '1.0.0' };

let redemption: Redemption;
let handler: McpTestHandler;
let key: IdJagKey;
beforeAll(async () => {
  handler = createSdkV2McpHandler();
  key = await createIdJagKey('machine');
  redemption = await startRedemption({
    clients: [
      { client_id: 'machine', client_secret: 'a secret of the machine', grant_types: ['client_credentials'] },
      { client_id: 'with-key', jwks: { keys: [key.publicKey] }, grant_types: ['client_credentials', jwtBearer] },
    ],
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), handler),
  });
});
afterAll(async () => {
  await handler.close();
  await redemption.close();
});

const url = () => new URL(`${redemption.gateway.url}/mcp`);

async function whoAmI(client: {
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
  close(): Promise<void>;
}) {
  const { content } = (await client.callTool({ name: 'whoami', arguments: {} })) as { content: { text: string }[] };
  await client.close();
  return JSON.parse(content[0]?.text ?? '') as unknown;
}

async function connectV1(authProvider: CredentialsV1 | KeyV1): Promise<ClientV1> {
  const client = new ClientV1(info);
  await client.connect(new TransportV1(url(), { authProvider }) as Parameters<ClientV1['connect']>[0]);
  return client;
}

async function connectV2(authProvider: CredentialsV2 | KeyV2 | CrossAppAccessProvider): Promise<ClientV2> {
  const client = new ClientV2(info, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new TransportV2(url(), { authProvider }));
  return client;
}

/** The SDK's way of an enterprise: it asks for an assertion for what it found out about the resource. */
function crossAppAccess(changes: Changes = {}) {
  const asked: { authorizationServerUrl: string; resourceUrl: string }[] = [];
  const provider = new CrossAppAccessProvider({
    clientId: agent.client_id,
    clientSecret: agent.client_secret,
    expectedIssuer: redemption.gateway.url,
    assertion: async ({ authorizationServerUrl, resourceUrl, scope }) => {
      asked.push({ authorizationServerUrl: String(authorizationServerUrl), resourceUrl: String(resourceUrl) });
      return redemption.idp.assertion({ ...changes, claims: { scope, ...changes.claims } });
    },
  });
  return { provider, asked };
}

describe('CrossAppAccessProvider of SDK v2', () => {
  it('reaches a tool with an ID-JAG alone: no browser, no registration (MCP EMA section 2)', async () => {
    const { provider, asked } = crossAppAccess();
    expect(await whoAmI(await connectV2(provider))).toMatchObject({ clientId: 'agent', scopes: ['mcp:tools'] });
    expect(asked).toEqual([{ authorizationServerUrl: redemption.gateway.url, resourceUrl: url().href }]);
  });

  it.each<[string, Changes | (() => Changes)]>([
    ['wrong_type', { header: { typ: 'JWT' } }],
    ['wrong_audience', { claims: { aud: 'https://other.example' } }],
    ['wrong_audience', () => ({ claims: { aud: [redemption.gateway.url, 'https://other.example'] } })],
    ['client_mismatch', { claims: { client_id: 'machine' } }],
    ['resource_foreign', { claims: { resource: 'https://other.example/mcp' } }],
    ['expired', () => ({ claims: { iat: Date.now() / 1000 - 200, exp: Date.now() / 1000 - 100 } })],
    ['issued_in_future', () => ({ claims: { iat: Date.now() / 1000 + 100, exp: Date.now() / 1000 + 200 } })],
    ['issuer_untrusted', { claims: { iss: 'https://evil.example' } }],
    ['claim_missing: jti', { claims: { jti: undefined } }],
    ['claim_missing: sub', { claims: { sub: undefined } }],
    ['claim_missing: exp', { claims: { exp: undefined } }],
  ])('is refused for %s, and told the same', async (reason, changes) => {
    const { provider } = crossAppAccess(typeof changes === 'function' ? changes() : changes);
    const warned = jest.spyOn(console, 'warn').mockImplementation(() => {}); // The SDK says that it tries again.
    const before = redemption.gateway.events.length;
    await expect(connectV2(provider)).rejects.toMatchObject({
      code: 'invalid_grant',
      message: 'grant request is invalid',
    });
    const reasons = redemption.gateway.events.slice(before).map(({ reason: found = '' }) => found);
    expect(reasons.filter((found) => found.startsWith(`invalid_grant: id_jag: ${reason}`)).length).toBeGreaterThan(0);
    warned.mockRestore();
  });
});

describe('client credentials of the SDKs', () => {
  const withSecret = () => ({
    clientId: 'machine',
    clientSecret: 'a secret of the machine',
    expectedIssuer: redemption.gateway.url,
  });
  const withKey = async () => ({
    clientId: 'with-key',
    privateKey: { ...(await exportJWK(key.privateKey)), kid: key.kid } as Record<string, unknown>,
    algorithm: 'ES256',
    expectedIssuer: redemption.gateway.url,
  });

  it('reach a tool by secret: SDK v1 and v2', async () => {
    const seen = { clientId: 'machine', scopes: ['mcp:tools'] };
    expect(await whoAmI(await connectV1(new CredentialsV1(withSecret())))).toMatchObject(seen);
    expect(await whoAmI(await connectV2(new CredentialsV2(withSecret())))).toMatchObject(seen);
  });

  it('reach a tool by private_key_jwt: SDK v1 and v2 (MCP OAuth Client Credentials, JWT Authentication)', async () => {
    const seen = { clientId: 'with-key', scopes: ['mcp:tools'] };
    expect(await whoAmI(await connectV1(new KeyV1(await withKey())))).toMatchObject(seen);
    expect(await whoAmI(await connectV2(new KeyV2(await withKey())))).toMatchObject(seen);
  });
});
