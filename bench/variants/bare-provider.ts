/** oidc-provider as it is, on Express, with the features that ours has on and a plain adapter. */
import { request as httpsRequest } from 'node:https';
import express from 'express';
import { exportJWK, generateKeyPair } from 'jose';
import { type Configuration, errors, Provider } from 'oidc-provider';
import { createCallCounter } from '../harness/call-counter.ts';
import { serve } from '../harness/serve.ts';
import { type BareIdJagSettings, registerBareIdJag } from './bare-id-jag.ts';
import { openPlainAdapter } from './plain/adapter.ts';
import type { StoreSettings } from './stores.ts';

interface BareProviderSettings {
  readonly store?: StoreSettings;
  readonly ca?: string;
  readonly idJag?: BareIdJagSettings;
  readonly isCounting?: boolean;
}

const off = { enabled: false } as const;
const interactionPath = '/oauth/interaction';

/** oidc-provider's own fetch refuses loopback and knows no authority of ours. */
function createFetch(ca: string | undefined) {
  const lookup = (_host: string, _options: object, callback: (...result: unknown[]) => void) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  return (url: string | URL): Promise<Response> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(url, { ca, lookup: lookup as never, agent: false });
      request.once('error', reject).once('response', (response) => {
        response.toArray().then((chunks) => {
          const headers = { 'cache-control': response.headers['cache-control'] ?? '' };
          resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 0, headers }));
        }, reject);
      });
      request.end();
    });
}

const isOwn = (_ctx: unknown, client: { clientId: string }, token: { clientId?: string }) =>
  token.clientId === client.clientId;

/** The same features, lifetimes and checks that lib configures; nothing of its hooks. */
function features(resource: string): object {
  return {
    devInteractions: off,
    userinfo: off,
    rpInitiatedLogout: off,
    dPoP: off,
    pushedAuthorizationRequests: { enabled: true },
    introspection: { enabled: true, allowedPolicy: isOwn },
    revocation: { enabled: true, allowedPolicy: isOwn },
    registration: { enabled: true, issueRegistrationAccessToken: false },
    clientIdMetadataDocument: {
      enabled: true,
      ack: 'draft-02',
      allowFetch: () => true,
      allowClient: () => true,
      cacheDuration: { min: 30, max: 86_400 },
    },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource: (_ctx: unknown, _client: unknown, oneOf?: string[]) => oneOf ?? resource,
      getResourceServerInfo(_ctx: unknown, indicator: string) {
        if (indicator !== resource) throw new errors.InvalidTarget();
        return { scope: 'mcp:tools', audience: resource, accessTokenTTL: 900, accessTokenFormat: 'opaque' };
      },
    },
  };
}

async function configurationOf(
  url: string,
  { store = { engine: 'memory' }, ca, idJag }: BareProviderSettings,
  counter?: ReturnType<typeof createCallCounter>,
): Promise<Configuration> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true } as const;
  return {
    adapter: (await openPlainAdapter(store, counter)) as never,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'bench', alg: 'ES256', use: 'sig' } as never] },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      registration: '/oauth/register',
      revocation: '/oauth/revoke',
      introspection: '/oauth/introspect',
      jwks: '/oauth/jwks',
      pushed_authorization_request: '/oauth/par',
    },
    ...(idJag && { clients: [idJag.client] }),
    cookies: { keys: ['a secret of the bench, long enough'], long: cookie, short: cookie },
    features: features(`${url}/mcp`) as never,
    ttl: {
      AccessToken: 900,
      AuthorizationCode: 60,
      Grant: 2_600_000,
      Interaction: 900,
      RefreshToken: 2_592_000,
      Session: 28_800,
    },
    scopes: ['mcp:tools', 'offline_access'],
    claims: {},
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
    },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    pkce: { required: () => true },
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    findAccount: (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    interactions: { url: (_ctx, interaction) => `${interactionPath}/${interaction.uid}` },
    fetch: createFetch(ca) as never,
  };
}

const sendPage = (res: express.Response, title: string, body: string) => {
  res.setHeader('content-type', 'text/html; charset=utf-8');
  res.end(`<!doctype html><title>${title}</title>${body}`);
};

/** Approval, then sign-in, as small as such pages can be: the steps that ours has with its dev login. */
function mountInteractions(app: express.Express, provider: Provider, resource: string): void {
  const path = `${interactionPath}/:uid`;
  const readForm = express.urlencoded({ extended: false });
  app.get(path, async (req, res) => {
    const { params, uid } = await provider.interactionDetails(req, res);
    const client = await provider.Client.find(String(params.client_id));
    sendPage(
      res,
      'Connect',
      `<h1>Connect ${client?.clientName ?? client?.clientId}?</h1>
<form method="post" action="${interactionPath}/${uid}"><input type="hidden" name="csrf" value="${uid}">
<button name="decision" value="approve">Allow</button></form>`,
    );
  });
  app.post(path, async (req, res) => {
    const interaction = await provider.interactionDetails(req, res);
    interaction.result = { approved: true };
    await interaction.save(interaction.exp - Math.floor(Date.now() / 1000));
    res.redirect(303, `${interactionPath}/${interaction.uid}/sign-in`);
  });
  app.get(`${path}/sign-in`, async (req, res) => {
    const { uid } = await provider.interactionDetails(req, res);
    sendPage(
      res,
      'Sign in',
      `<form method="post" action="${interactionPath}/${uid}/sign-in">
<input name="name"><input name="roles"><button>Sign in</button></form>`,
    );
  });
  app.post(`${path}/sign-in`, readForm, async (req, res) => {
    const { params, result } = await provider.interactionDetails(req, res);
    if (result?.approved !== true) return void res.status(400).end();
    const accountId = String(req.body.name);
    const grant = new provider.Grant({ accountId, clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope ?? ''));
    grant.addResourceScope(resource, 'mcp:tools');
    const consent = { grantId: await grant.save() };
    await provider.interactionFinished(req, res, { login: { accountId }, consent });
  });
}

await serve<BareProviderSettings>(async (settings, url) => {
  const counter = settings.isCounting ? createCallCounter() : undefined;
  const provider = new Provider(url, await configurationOf(url, settings, counter));
  if (settings.idJag) registerBareIdJag(provider, `${url}/mcp`, settings.idJag);
  const app = express();
  app.disable('x-powered-by');
  mountInteractions(app, provider, `${url}/mcp`);
  app.use(provider.callback());
  return { listener: app, counter };
});
