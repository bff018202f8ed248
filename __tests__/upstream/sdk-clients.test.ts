import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  type CompanyIdentityProvider,
  startIdentityProvider as startCompany,
} from '../../examples/enterprise-id-jag/identity-provider.ts';
import { idJag, sharedOAuth, tokenExchange, type UpstreamCredential, userOAuth } from '../../lib/index.ts';
import { createBrowser } from '../helpers/browser.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { createSdkV1McpHandler, createSdkV2McpHandler } from '../helpers/mcp-servers.ts';
import { type OAuthUpstream, startOAuthUpstream } from '../helpers/oauth-upstream.ts';
import { sdkClients } from '../helpers/protected-server.ts';
import { atDevLogin, type Connect, type SdkConnection, type SignIn } from '../helpers/sdk-clients.ts';
import { jwtBearerGrant, tokenExchangeGrant } from '../helpers/upstream-assertion-grants.ts';
import { connect as connectUpstream, linkIn } from './support.ts';

/** The gateway as a client of the company's identity provider, and of each upstream. */
const platform = { clientId: 'platform', clientSecret: 'the platform at the company' };
const agent = { clientId: 'platform-there', clientSecret: 'the platform at the upstream' };

let company: CompanyIdentityProvider;
const upstreams: OAuthUpstream[] = [];
const gateways: Gateway[] = [];
const connections: SdkConnection[] = [];

beforeAll(async () => {
  company = await startCompany();
});

afterAll(async () => {
  for (const { close } of connections) await close();
  for (const { close } of [...gateways, ...upstreams]) await close();
  company.close();
});

/** A real SDK server with sessions behind a real oidc-provider that rotates, and trusts the company. */
async function startUpstream(isStateful: boolean): Promise<OAuthUpstream> {
  const upstream = await startOAuthUpstream({
    createHandler: () => (isStateful ? createSdkV1McpHandler('stateful') : createSdkV2McpHandler()),
    company: () => ({ issuer: company.issuer, clients: { [agent.clientId]: platform.clientId } }),
  });
  upstreams.push(upstream);
  await upstream.addClient({
    client_id: agent.clientId,
    client_secret: agent.clientSecret,
    grant_types: [tokenExchangeGrant, jwtBearerGrant],
    redirect_uris: [],
    response_types: [],
  });
  return upstream;
}

async function connectTo(connect: Connect, url: string, signIn: SignIn) {
  const browser = createBrowser();
  const connection = await connect({ url, signIn, browser });
  connections.push(connection);
  const whoAmI = async () => JSON.parse(await connection.callTool('whoami')) as { extra?: { sub?: string } };
  return { browser, connection, whoAmI };
}

const tokenRequests = (upstream: OAuthUpstream) => upstream.tokenRequests.map(({ grant_type: grant }) => grant);

describe.each(sdkClients)('a $client client', ({ client, connect }) => {
  const isStateful = client === 'SDK v1';

  describe.each([
    [
      'idJag',
      ({ url, issuer }: OAuthUpstream) =>
        idJag({
          id: 'orders',
          displayName: 'Orders',
          scopes: ['files:read'],
          idp: { tokenUrl: `${company.issuer}/token`, clientAuth: { method: 'client_secret_post', ...platform } },
          resourceAs: {
            tokenUrl: `${issuer}/token`,
            audience: issuer,
            clientAuth: { method: 'client_secret_basic', ...agent },
          },
          resource: url,
        }),
      jwtBearerGrant,
    ],
    [
      'tokenExchange of the ID token',
      ({ issuer }: OAuthUpstream) =>
        tokenExchange({
          id: 'orders',
          displayName: 'Orders',
          tokenUrl: `${issuer}/token`,
          clientAuth: { method: 'client_secret_post', ...agent },
          subjectToken: 'id_token',
        }),
      tokenExchangeGrant,
    ],
    [
      'tokenExchange of the access token',
      ({ issuer }: OAuthUpstream) =>
        tokenExchange({
          id: 'orders',
          displayName: 'Orders',
          tokenUrl: `${issuer}/token`,
          clientAuth: { method: 'client_secret_basic', ...agent },
        }),
      tokenExchangeGrant,
    ],
    [
      'tokenExchange on behalf of the user',
      ({ issuer }: OAuthUpstream) =>
        tokenExchange({
          id: 'orders',
          displayName: 'Orders',
          tokenUrl: `${issuer}/token`,
          clientAuth: { method: 'client_secret_post', ...agent },
          grant: 'on-behalf-of',
        }),
      jwtBearerGrant,
    ],
  ] as const)('with an upstream of %s', (_mode, credentialFor, grant) => {
    test('calls it as each user, who saw no page besides the company’s; a token that ended is had again', async () => {
      const upstream = await startUpstream(isStateful);
      const gateway = await startGateway({
        options: () => ({ oidc: { issuer: company.issuer }, browserLogin: platform }),
        routes(app, auth) {
          app.use(auth.proxy('/orders', { target: upstream.url, upstream: credentialFor(upstream) }));
        },
      });
      gateways.push(gateway);
      const people = ['alice', 'bob'];
      company.applications.splice(0, company.applications.length, {
        ...platform,
        redirectUri: `${gateway.url}/oauth/callback`,
        mayAct: [
          {
            audience: upstream.issuer,
            resource: upstream.url,
            scopes: ['files:read'],
            clientIdThere: agent.clientId,
            people,
          },
        ],
      });
      for (const name of people) {
        const { connection, whoAmI } = await connectTo(connect, `${gateway.url}/orders`, {
          form: 'name',
          fields: { name },
        });
        expect(await connection.listTools()).toContain('whoami');
        expect((await whoAmI()).extra?.sub).toBe(name);
        expect(connection.trail.filter((url) => url.startsWith(upstream.issuer))).toEqual([]);
        expect(connection.requests.filter(({ status }) => status === 401).length).toBe(1); // Before the sign-in.
      }
      expect(tokenRequests(upstream)).toEqual([grant, grant]);
      upstream.forgetAccessTokens();
      const { whoAmI } = await connectTo(connect, `${gateway.url}/orders`, { form: 'name', fields: { name: 'alice' } });
      expect((await whoAmI()).extra?.sub).toBe('alice');
      expect(tokenRequests(upstream).length).toBe(3);
    });
  });

  test('with an upstream of sharedOAuth calls it by the connection that an administrator made, renewed by rotation', async () => {
    const upstream = await startUpstream(isStateful);
    const credential: UpstreamCredential = sharedOAuth({
      id: 'wiki',
      displayName: 'Wiki',
      connect: 'on-demand',
      mayConnect: ({ roles }) => roles.includes('admin'),
    });
    const gateway = await startGateway({
      routes: (app, auth) => void app.use(auth.proxy('/wiki', { target: upstream.url, upstream: credential })),
    });
    gateways.push(gateway);
    const url = `${gateway.url}/wiki`;
    const alice = await connectTo(connect, url, atDevLogin('alice'));
    expect(await alice.connection.listTools()).toEqual(['connect_wiki']);
    expect(await alice.connection.callTool('connect_wiki')).toContain('Ask an administrator');
    const root = await connectTo(connect, url, atDevLogin('root', 'admin'));
    const link = linkIn(await root.connection.callTool('connect_wiki'));
    expect((await connectUpstream(root.browser, link, 'service-account')).text).toContain('Wiki is connected');

    const [one, other] = [
      await connectTo(connect, url, atDevLogin('alice')),
      await connectTo(connect, url, atDevLogin('bob')),
    ];
    for (const { whoAmI } of [one, other]) expect((await whoAmI()).extra?.sub).toBe('service-account');
    for (let round = 0; round < 2; round += 1) {
      upstream.forgetAccessTokens();
      for (const { whoAmI } of [other, one]) expect((await whoAmI()).extra?.sub).toBe('service-account');
    }
    const refreshTokens = upstream.tokenRequests.flatMap(({ refresh_token: token }) => token ?? []);
    expect([refreshTokens.length, new Set(refreshTokens).size]).toEqual([2, 2]);
  });

  test('with an upstream of userOAuth goes on with the connection that its user makes by the link of a tool', async () => {
    const upstream = await startUpstream(isStateful);
    const gateway = await startGateway({
      routes(app, auth) {
        const files = userOAuth({ id: 'files', displayName: 'Files', connect: 'on-demand' });
        app.use(auth.proxy('/files', { target: upstream.url, upstream: files }));
      },
    });
    gateways.push(gateway);
    const { connection, browser } = await connectTo(connect, `${gateway.url}/files`, atDevLogin('alice'));
    const link = linkIn(await connection.callTool('connect_files'));
    await connectUpstream(browser, link, 'alice-at-files');
    const { whoAmI } = await connectTo(connect, `${gateway.url}/files`, atDevLogin('alice'));
    expect((await whoAmI()).extra?.sub).toBe('alice-at-files');
  });
});
