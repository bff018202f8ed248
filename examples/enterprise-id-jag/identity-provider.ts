/**
 * The company's identity provider: oidc-provider with a sign-in page, and the token exchange that gives ID-JAGs (RFC 8693,
 * ID-JAG draft section 4.3). Its policy says which application may act for whom, where.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { type AdapterPayload, errors, Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import { listen } from './listen.ts';

/** One application of the company, and where it may act for whom. */
export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly mayAct: readonly {
    /** Issuer of the authorization server. */
    readonly audience: string;
    readonly resource: string;
    readonly scopes: readonly string[];
    /** What that authorization server calls the application. */
    readonly clientIdThere: string;
    readonly people: readonly string[];
  }[];
}

export interface CompanyIdentityProvider {
  readonly issuer: string;
  /** Live: administrators change it while the provider runs. */
  readonly applications: Application[];
  close(): void;
}

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const idJag = 'urn:ietf:params:oauth:token-type:id-jag';
const idToken = 'urn:ietf:params:oauth:token-type:id_token';

export async function startIdentityProvider(): Promise<CompanyIdentityProvider> {
  const server = createServer();
  const issuer = await listen(server);
  const applications: Application[] = [];
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const common = { kid: 'company', alg: 'ES256', use: 'sig' };
  const ownKeys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), ...common }] });

  const provider = new Provider(issuer, {
    adapter: memoryAdapter((id) => clientOf(applications.find(({ clientId }) => clientId === id))),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), ...common }] },
    cookies: { keys: [randomUUID()] },
    clientAuthMethods: ['client_secret_post'],
    responseTypes: ['code'],
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_ctx, { uid }) => `/sign-in/${uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  });

  /** Who is meant: the ID token must be ours, and given to the application that presents it (ID-JAG draft section 4.3.3). */
  async function subjectOf(token: unknown, clientId: string): Promise<string> {
    const expected = { issuer, audience: clientId, algorithms: ['ES256'] };
    const { payload } = await jwtVerify(String(token), ownKeys, expected).catch((error: Error) => {
      throw new errors.InvalidGrant(`subject_token: ${error.message}`);
    });
    return String(payload.sub);
  }

  async function exchange(ctx: TokenEndpointGrantContext): Promise<void> {
    const { client, params } = ctx.oidc;
    if (params.requested_token_type !== idJag || params.subject_token_type !== idToken)
      throw new errors.InvalidRequest('only ID tokens, and only for ID-JAGs');
    const sub = await subjectOf(params.subject_token, client.clientId);
    const rule = applications
      .find(({ clientId }) => clientId === client.clientId)
      ?.mayAct.find(({ audience, resource }) => audience === params.audience && resource === params.resource);
    if (!rule?.people.includes(sub)) throw new errors.AccessDenied('the company does not allow this');
    const wanted = String(params.scope ?? '').split(' ');
    const scope = rule.scopes.filter((one) => params.scope === undefined || wanted.includes(one)).join(' ');
    const assertion = await new SignJWT({ client_id: rule.clientIdThere, resource: rule.resource, scope })
      .setProtectedHeader({ alg: 'ES256', kid: 'company', typ: 'oauth-id-jag+jwt' })
      .setIssuer(issuer)
      .setSubject(sub)
      .setAudience(rule.audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
    ctx.body = { issued_token_type: idJag, access_token: assertion, token_type: 'N_A', scope, expires_in: 300 };
  }
  const parameters = ['requested_token_type', 'subject_token', 'subject_token_type', 'audience', 'resource', 'scope'];
  provider.registerGrantType(tokenExchange, exchange, parameters);

  /** Asks for a name; a real one asks for more. */
  async function signIn(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(req, res);
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
      grant.addOIDCScope('openid');
      return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
    }
    if (req.method !== 'POST') {
      res.setHeader('content-type', 'text/html');
      res.end('<form method="post"><label>Name <input name="name"></label> <button>Sign in</button></form>');
      return;
    }
    const name = new URLSearchParams(Buffer.concat(await req.toArray()).toString()).get('name');
    return provider.interactionFinished(req, res, { login: { accountId: String(name) } });
  }

  const callback = provider.callback();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (!req.url?.startsWith('/sign-in/')) return void callback(req, res);
    signIn(req, res).catch(() => res.writeHead(400).end('This sign-in is over.'));
  });
  return {
    issuer,
    applications,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function clientOf(application: Application | undefined): AdapterPayload | undefined {
  return (
    application && {
      client_id: application.clientId,
      client_secret: application.clientSecret,
      redirect_uris: [application.redirectUri],
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['authorization_code', tokenExchange],
      id_token_signed_response_alg: 'ES256',
    }
  );
}

/** As much of an adapter as an example needs. */
function memoryAdapter(findClient: (id: string) => AdapterPayload | undefined) {
  const rows = new Map<string, AdapterPayload>();
  return (model: string) => ({
    upsert: async (id: string, payload: AdapterPayload) => void rows.set(`${model} ${id}`, payload),
    find: async (id: string) => (model === 'Client' ? findClient(id) : rows.get(`${model} ${id}`)),
    findByUid: async (uid: string) => [...rows.values()].find((row) => row.kind === model && row.uid === uid),
    findByUserCode: async () => undefined,
    consume: async (id: string) => void Object.assign(rows.get(`${model} ${id}`) ?? {}, { consumed: 1 }),
    destroy: async (id: string) => void rows.delete(`${model} ${id}`),
    revokeByGrantId: async () => undefined,
  });
}
