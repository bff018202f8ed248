import { afterEach, expect, test } from '@jest/globals';
import { memoryStorage, userOAuth } from '../../lib/index.ts';
import { endpointPaths } from '../../lib/shared/endpoint-paths.ts';
import { type Issuer, parseIssuer } from '../../lib/shared/issuer.ts';
import { createKeyRing } from '../../lib/shared/key-ring.ts';
import { createOutbound } from '../../lib/shared/outbound.ts';
import { createClientKeys } from '../../lib/upstream/client-keys.ts';
import { createClientRegistration } from '../../lib/upstream/client-registration.ts';
import { createDiscovery } from '../../lib/upstream/discovery.ts';
import { createOAuthClient } from '../../lib/upstream/oauth-client.ts';
import type { OAuthUpstream } from '../../lib/upstream/user-oauth.ts';
import { createBrowser } from '../helpers/browser.ts';
import { send } from '../helpers/oauth-client.ts';
import { startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { startFilesGateway } from './support.ts';

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const part of closing.splice(0)) await part.close();
});

const issuer = parseIssuer('https://gateway.example') as Issuer;
const ring = createKeyRing(['a secret of this test, which is long enough']);

test('an authorization server that accepts metadata documents gets ours, and assertions signed by our published key', async () => {
  const storage = memoryStorage();
  const keyRing = async () => ring;
  const paths = endpointPaths('/oauth');
  const keys = createClientKeys(storage, keyRing);
  const registration = createClientRegistration({ storage, keyRing, keys, paths });
  const upstream = userOAuth({ id: 'files', displayName: 'Files' }) as OAuthUpstream;
  const fetched: string[] = [];
  const server = await startOAuthUpstream({
    registration: false,
    // What this server would answer at these addresses.
    async fetchDocument(url) {
      fetched.push(url);
      const isDocument = url === 'https://gateway.example/.well-known/oauth-client/files';
      const body = isDocument ? await registration.document(issuer, upstream) : await keys.publicKeys(issuer);
      return Response.json(body);
    },
  });
  closing.push(server);
  const outbound = createOutbound({ loopbackAddress: '127.0.0.1' });
  const discovery = createDiscovery(outbound);
  const client = createOAuthClient({ upstream, target: server.url, outbound, discovery, registration, paths });

  const { url, pending } = await client.begin(issuer, []);
  const stopAt = (address: string) => address.startsWith('https://gateway.example/');
  const browser = createBrowser();
  const page = await browser.get(`${url}&state=the-state`, { stopAt });
  const back = await browser.submit(page, 'upstreamLogin', { upstreamLogin: 'alice' }, { stopAt });
  const tokens = await client.redeem(issuer, new URL(back.location as string), 'the-state', pending);
  expect(tokens).toMatchObject({ clientId: 'https://gateway.example/.well-known/oauth-client/files' });
  expect(fetched).toEqual([
    'https://gateway.example/.well-known/oauth-client/files',
    'https://gateway.example/oauth/client-jwks',
  ]);
  expect(server.tokenRequests[0]).toMatchObject({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: expect.any(String),
  });
  expect(await client.refresh(issuer, tokens)).toMatchObject({ kind: 'renewed' });
  await client.revoke(issuer, tokens);
});

test('the document and the keys are served to anybody, and hold nothing private', async () => {
  const files = await startFilesGateway();
  closing.push(files);
  const { url } = files.gateway;
  const document = await send(`${url}/.well-known/oauth-client/files`, { method: 'GET' });
  expect([document.status, document.json]).toEqual([
    200,
    expect.objectContaining({
      client_id: `${url}/.well-known/oauth-client/files`,
      redirect_uris: [`${url}/oauth/connect/callback/files`],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: `${url}/oauth/client-jwks`,
    }),
  ]);
  const keys = (await send(`${url}/oauth/client-jwks`, { method: 'GET' })).json?.keys as Record<string, unknown>[];
  expect(keys).toEqual([expect.objectContaining({ kty: 'EC', alg: 'ES256', kid: expect.any(String) })]);
  expect(keys[0]).not.toHaveProperty('d');
  // The keys that sign tokens are others.
  const signing = (await send(`${url}/oauth/jwks`, { method: 'GET' })).json?.keys as { kid: string }[];
  expect(signing.map(({ kid }) => kid)).not.toContain(keys[0]?.kid);
  expect((await send(`${url}/.well-known/oauth-client/unknown`, { method: 'GET' })).status).toBe(404);
});
