/**
 * The company's identity provider in tests: a real oidc-provider on a free loopback port, with a login page that asks for
 * a user name only. `misbehave` breaks its answers, see identity-provider-faults.ts.
 *
 * Its cookies are named `idp_*`: cookies ignore the port, so an oidc-provider under test on 127.0.0.1 shares the jar.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import {
  type AdapterFactory,
  type AdapterPayload,
  type ClientMetadata,
  type Configuration,
  Provider,
} from 'oidc-provider';
import {
  createFaultLayer,
  createIdTokenSigner,
  type Misbehaviour,
  type RecordedRequest,
} from './identity-provider-faults.ts';

export interface IdentityProviderOptions {
  /** May also be added to later, through the `redirectUris` of the answer. @defaultValue [] */
  readonly redirectUris?: readonly string[];
  readonly postLogoutRedirectUris?: readonly string[];
  /** @defaultValue 'gateway' */
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** @defaultValue 'client_secret_post' */
  readonly clientAuthMethod?: 'client_secret_post' | 'client_secret_basic';
  /** Signs ID tokens. The other algorithm has no key. @defaultValue 'ES256' */
  readonly idTokenAlg?: 'ES256' | 'RS256';
  /** Claims by the name typed at login; `sub` defaults to that name. @defaultValue alice and bob */
  readonly users?: Record<string, Record<string, unknown>>;
  /** Issues refresh tokens, whatever the scope. @defaultValue false */
  readonly refreshTokens?: boolean;
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly endpoints: {
    readonly discovery: string;
    readonly authorization: string;
    readonly token: string;
    readonly jwks: string;
    readonly userinfo: string;
    readonly endSession: string;
  };
  /** Live: a change holds from the next request on, a deleted user is unknown. New claim names need a restart. */
  readonly users: Record<string, Record<string, unknown>>;
  /** Live. */
  readonly redirectUris: string[];
  /** Live. */
  readonly postLogoutRedirectUris: string[];
  /** Live: where back-channel logout tokens go, with a session id in them and in ID tokens. At most one. */
  readonly backchannelLogoutUris: string[];
  /** A token signed with its key, or the foreign one. @param header over `alg` and `kid` */
  sign(claims: JWTPayload, header?: Record<string, unknown>, key?: 'own' | 'foreign'): Promise<string>;
  /** Every request, in order of arrival. */
  readonly requests: RecordedRequest[];
  readonly misbehave: Misbehaviour;
  /** Public half of the key behind `foreign-key`; publish it through `misbehave.jwks` to rotate keys. */
  readonly foreignKey: JWK;
  /** Errors inside the provider. They are nobody's misbehaviour: expect none. */
  readonly errors: readonly unknown[];
  /** Undoes all misbehaviour. */
  behave(): void;
  close(): Promise<void>;
}

const DEFAULT_USERS = {
  alice: {
    email: 'alice@acme.example',
    email_verified: true,
    name: 'Alice Adams',
    roles: ['admin', 'user'],
    groups: ['engineering'],
  },
  bob: { email: 'bob@acme.example', email_verified: true, name: 'Bob Brown', roles: ['user'], groups: ['sales'] },
};

/** Claims that need a scope, as at Okta and Entra; every other one comes with `openid`. */
const SCOPED_CLAIMS = {
  email: ['email', 'email_verified'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username'],
};

/** @example const identityProvider = await startIdentityProvider({ redirectUris: ['http://127.0.0.1:4000/callback'] }); */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const { clientId = 'gateway', clientSecret = 'gateway-secret-of-at-least-32-bytes', idTokenAlg = 'ES256' } = options;
  const users = structuredClone(options.users ?? DEFAULT_USERS) as IdentityProvider['users'];
  const redirectUris = [...(options.redirectUris ?? [])];
  const postLogoutRedirectUris = [...(options.postLogoutRedirectUris ?? [])];
  const backchannelLogoutUris: string[] = [];
  const keyPair = await generateKeyPair(idTokenAlg, { extractable: true });
  const foreignKeyPair = await generateKeyPair(idTokenAlg, { extractable: true });
  const jwk = await exportJWK(keyPair.privateKey);
  const kid = await calculateJwkThumbprint(jwk);

  const front = createServer();
  const issuer = await listen(front);
  const requests: RecordedRequest[] = [];
  const misbehave: Misbehaviour = {};
  const errors: unknown[] = [];

  const provider = new Provider(issuer, {
    ...providerConfiguration(users, options.refreshTokens ?? false),
    jwks: { keys: [{ ...jwk, kid, alg: idTokenAlg, use: 'sig' }] },
    adapter: memoryAdapter((id) => {
      if (id !== clientId) return undefined;
      return {
        client_id: clientId,
        client_secret: clientSecret,
        token_endpoint_auth_method: options.clientAuthMethod ?? 'client_secret_post',
        redirect_uris: [...redirectUris],
        post_logout_redirect_uris: [...postLogoutRedirectUris],
        ...(backchannelLogoutUris[0] !== undefined && {
          backchannel_logout_uri: backchannelLogoutUris[0],
          backchannel_logout_session_required: true,
        }),
        grant_types: ['authorization_code', 'refresh_token'],
        id_token_signed_response_alg: idTokenAlg,
      };
    }),
  });
  provider.on('server_error', (_ctx, error) => errors.push(error));
  // Koa prints errors that nobody listens to; the provider's types leave its event out.
  (provider as NodeJS.EventEmitter).on('error', (error) => errors.push(error));

  const inner = createServer(providerListener(provider, users));
  const providerPort = Number(new URL(await listen(inner)).port);
  const sign = createIdTokenSigner(() => ({
    alg: idTokenAlg,
    kid,
    ...keyPair,
    foreignPrivateKey: async () => foreignKeyPair.privateKey,
    clientSecret,
  }));
  front.on('request', createFaultLayer({ issuer, providerPort, sign, misbehave, requests }));

  return {
    issuer,
    clientId,
    clientSecret,
    endpoints: {
      discovery: `${issuer}/.well-known/openid-configuration`,
      authorization: `${issuer}/authorize`,
      token: `${issuer}/token`,
      jwks: `${issuer}/jwks`,
      userinfo: `${issuer}/userinfo`,
      endSession: `${issuer}/logout`,
    },
    users,
    redirectUris,
    postLogoutRedirectUris,
    backchannelLogoutUris,
    sign: (claims, header, key = 'own') =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: idTokenAlg, kid, ...header })
        .sign((key === 'own' ? keyPair : foreignKeyPair).privateKey),
    requests,
    misbehave,
    foreignKey: { ...(await exportJWK(foreignKeyPair.publicKey)), alg: idTokenAlg, use: 'sig' },
    errors,
    behave() {
      for (const knob of Object.keys(misbehave) as (keyof Misbehaviour)[]) delete misbehave[knob];
    },
    async close() {
      await Promise.all([closed(front), closed(inner)]);
    },
  };
}

function providerConfiguration(users: IdentityProvider['users'], refreshTokens: boolean): Configuration {
  const scoped: readonly string[] = Object.values(SCOPED_CLAIMS).flat();
  const others = Object.values(users)
    .flatMap(Object.keys)
    .filter((claim) => !scoped.includes(claim));
  return {
    scopes: ['openid', 'offline_access'],
    claims: { openid: [...new Set(['sub', ...others])], ...SCOPED_CLAIMS },
    // Claims go into the ID token, not only to userinfo.
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    // Left to the relying party, so that a test can see whether it sends a challenge.
    pkce: { required: () => false },
    clientAuthMethods: ['client_secret_post', 'client_secret_basic'],
    routes: {
      authorization: '/authorize',
      token: '/token',
      jwks: '/jwks',
      userinfo: '/userinfo',
      end_session: '/logout',
    },
    cookies: {
      keys: ['cookie-key-of-the-identity-provider'],
      names: { session: 'idp_session', interaction: 'idp_interaction', resume: 'idp_resume' },
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
      backchannelLogout: { enabled: true },
    },
    // Each default function below prints a notice when it is called.
    ttl: {
      AccessToken: 3600,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 3600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    // Its own refuses loopback addresses.
    fetch: (url, init) => globalThis.fetch(url, { ...(init as RequestInit), dispatcher: undefined } as never),
    clientBasedCORS: () => false,
    issueRefreshToken: () => refreshTokens,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = page(`<h1>Error</h1><p>${escapeHtml(out.error)}: ${escapeHtml(out.error_description ?? '')}</p>`);
    },
    findAccount: (_ctx, accountId) => {
      const found = Object.entries(users).find(([login, claims]) => subjectOf(login, claims) === accountId);
      return found && { accountId, claims: () => ({ ...found[1], sub: accountId }) };
    },
  };
}

function subjectOf(login: string, claims: Record<string, unknown>): string {
  return String(claims.sub ?? login);
}

/** Login and consent beside the provider's own routes. */
function providerListener(provider: Provider, users: IdentityProvider['users']): RequestListener {
  const callback = provider.callback();
  return (request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      void callback(request, response);
      return;
    }
    interact(provider, users, request, response).catch((error: unknown) => {
      // An interaction of another browser, or one that is over.
      sendPage(response, 400, `<h1>Error</h1><p>${escapeHtml(String(error))}</p>`);
    });
  };
}

async function interact(
  provider: Provider,
  users: IdentityProvider['users'],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'consent') {
    // The company decides for its employees.
    const grant = new provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
  }
  if (request.method !== 'POST') return sendPage(response, 200, loginForm(params.login_hint));

  const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
  if (form.get('action') === 'cancel') {
    return provider.interactionFinished(request, response, { error: 'access_denied' });
  }
  const login = form.get('login') ?? '';
  const claims = Object.hasOwn(users, login) ? users[login] : undefined;
  if (!claims) return sendPage(response, 400, `<p>Unknown user</p>${loginForm(login)}`);
  return provider.interactionFinished(request, response, {
    login: { accountId: subjectOf(login, claims), remember: true },
  });
}

function loginForm(login: unknown): string {
  return `<h1>Acme sign-in</h1>
<form method="post"><label>User <input name="login" value="${escapeHtml(login ?? '')}"></label>
<button name="action" value="login">Sign in</button> <button name="action" value="cancel">Cancel</button></form>`;
}

/** `form` is the provider's own, with its CSRF token, and has no button yet. */
function logoutSource(ctx: { body: unknown }, form: string): void {
  ctx.body = page(`<h1>Sign out?</h1>${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
}

function postLogoutSuccessSource(ctx: { body: unknown }): void {
  ctx.body = page('<h1>Signed out</h1>');
}

function page(body: string): string {
  return `<!DOCTYPE html><html lang="en"><head><title>Acme</title></head><body>${body}</body></html>`;
}

function sendPage(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    .end(page(body));
}

function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The provider's default adapter prints a warning; and clients are looked up anew, so that redirect URIs stay live. */
function memoryAdapter(findClient: (id: string) => ClientMetadata | undefined): AdapterFactory {
  const rows = new Map<string, AdapterPayload>();
  return (model) => {
    const ofModel = (predicate: (row: AdapterPayload) => boolean) =>
      [...rows].find(([key, row]) => key.startsWith(`${model}:`) && predicate(row))?.[1];
    return {
      async upsert(id, payload) {
        rows.set(`${model}:${id}`, structuredClone(payload));
      },
      async find(id) {
        return structuredClone(model === 'Client' ? findClient(id) : rows.get(`${model}:${id}`));
      },
      async findByUid(uid) {
        return structuredClone(ofModel((row) => row.uid === uid));
      },
      async findByUserCode() {
        return undefined;
      },
      async consume(id) {
        const row = rows.get(`${model}:${id}`);
        if (row) row.consumed = Math.floor(Date.now() / 1000);
      },
      async destroy(id) {
        rows.delete(`${model}:${id}`);
      },
      async revokeByGrantId(grantId) {
        for (const [key, row] of rows) if (row.grantId === grantId) rows.delete(key);
      },
    };
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Also ends the answers that hang on purpose. */
async function closed(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await done;
}
