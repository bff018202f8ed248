import * as oidc from 'openid-client';
import { endpointUrl } from '../shared/endpoint-paths.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { Outbound } from '../shared/outbound.ts';
import { recordId } from '../shared/record-ids.ts';
import { type SealedKind, sealedIndex } from '../shared/sealed-records.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { compareAndDelete } from '../storage/compare-and-delete.ts';
import type { Storage } from '../storage/storage.ts';
import type { ClientKeys } from './client-keys.ts';
import type { AuthorizationServer } from './discovery.ts';
import { redirectUriOf } from './redirect-uri.ts';
import { isOutage, retryAfterOf, UpstreamError } from './upstream-problem.ts';
import type { ManualClient, OAuthUpstream } from './user-oauth.ts';

type AuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';

/** This server as a client of an upstream's authorization server. */
export interface UpstreamClient {
  readonly clientId: string;
  readonly authentication: oidc.ClientAuth;
}

export interface ClientRegistrationOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly keys: ClientKeys;
  /** Paths after the issuer's prefix. */
  readonly paths: { readonly clientDocument: string; readonly clientJwks: string; readonly connectCallback: string };
  readonly now?: () => number;
}

export interface ClientRegistration {
  /** The client, registered first where need be. @throws UpstreamError */
  client(
    issuer: Issuer,
    upstream: OAuthUpstream,
    server: AuthorizationServer,
    outbound: Outbound,
  ): Promise<UpstreamClient>;
  /** Forgets a registration that the server does not know any more. @returns false where there was none */
  forget(issuer: Issuer, upstream: OAuthUpstream, server: AuthorizationServer): Promise<boolean>;
  /** The published metadata document of an upstream. */
  document(issuer: Issuer, upstream: OAuthUpstream): Promise<Record<string, unknown>>;
}

const kind = 'UpstreamClient';

export const sealedRegistrations: SealedKind = { kind, member: 'sealed', boundTo: (id) => `${kind}:${id}` };

interface Registered {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly method: AuthMethod;
}

export function createClientRegistration(options: ClientRegistrationOptions): ClientRegistration {
  const { storage, keyRing, keys, paths, now = () => Date.now() } = options;
  const documentUrl = (issuer: Issuer, { id }: OAuthUpstream) => endpointUrl(issuer, `${paths.clientDocument}/${id}`);

  function metadata(issuer: Issuer, { id, scopes, scopeDelimiter }: OAuthUpstream, method: AuthMethod) {
    return {
      client_name: `MCP gateway at ${issuer.host}`,
      client_uri: issuer.origin,
      redirect_uris: [redirectUriOf(issuer, paths, id)],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: method,
      application_type: issuer.isSecure ? 'web' : 'native',
      ...(scopes.length > 0 && { scope: scopes.join(scopeDelimiter) }),
      ...(method === 'private_key_jwt' && {
        token_endpoint_auth_signing_alg: 'ES256',
        jwks_uri: endpointUrl(issuer, paths.clientJwks),
      }),
    };
  }

  /** A metadata document has no shared secret. Servers that verify signatures get one (MCP 2026-07-28, Client Registration). */
  const documentMethod = ({ token_endpoint_auth_methods_supported: methods }: AuthorizationServer): AuthMethod =>
    methods?.includes('private_key_jwt') ? 'private_key_jwt' : 'none';

  async function authentication(issuer: Issuer, { method, clientSecret }: Registered): Promise<oidc.ClientAuth> {
    switch (method) {
      case 'client_secret_basic':
        return oidc.ClientSecretBasic(clientSecret);
      case 'client_secret_post':
        return oidc.ClientSecretPost(clientSecret);
      case 'private_key_jwt':
        return oidc.PrivateKeyJwt(await keys.signingKey(issuer));
      case 'none':
        return oidc.None();
    }
  }

  const registrationId = (issuer: Issuer, upstream: OAuthUpstream, server: AuthorizationServer) =>
    recordId(issuer, JSON.stringify([upstream.id, server.issuer]));

  async function registerDynamically(
    issuer: Issuer,
    upstream: OAuthUpstream,
    server: AuthorizationServer,
    outbound: Outbound,
  ): Promise<{ registered: Registered; expiresAt: number }> {
    if (server.registration_endpoint === undefined) {
      const detail = 'it accepts neither metadata documents nor registration: give clientRegistration manual';
      throw new UpstreamError({ reason: 'invalid_answer', detail });
    }
    const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const method = (['client_secret_basic', 'client_secret_post', 'none'] as const).find((name) =>
      supported.includes(name),
    );
    const response = await outbound.fetch(server.registration_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(metadata(issuer, upstream, method ?? 'client_secret_basic')),
      timeoutMs: 10_000,
      maxResponseBytes: 64 * 1024,
      allowHttpLoopback: true,
      purpose: 'upstream client registration',
    });
    if (isOutage(response.status)) {
      const detail = `registration: status ${response.status}`;
      throw new UpstreamError({ reason: 'unreachable', detail, retryAfterSeconds: retryAfterOf(response.headers) });
    }
    const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (!response.ok || typeof answer.client_id !== 'string') {
      throw new UpstreamError({ reason: 'refused', error: String(answer.error ?? `status ${response.status}`) });
    }
    const secret = typeof answer.client_secret === 'string' ? answer.client_secret : undefined;
    const granted = (answer.token_endpoint_auth_method ?? method) as AuthMethod;
    const ends = Number(answer.client_secret_expires_at ?? 0);
    return {
      registered: {
        clientId: answer.client_id,
        ...(secret !== undefined && { clientSecret: secret }),
        method: secret === undefined ? 'none' : granted === 'client_secret_post' ? granted : 'client_secret_basic',
      },
      // A secret that ends is replaced before it does.
      expiresAt: ends > 0 ? ends - 60 : Math.floor(now() / 1000) + 10 * 365 * 86_400,
    };
  }

  async function registration(
    issuer: Issuer,
    upstream: OAuthUpstream,
    server: AuthorizationServer,
    outbound: Outbound,
  ): Promise<Registered> {
    const id = registrationId(issuer, upstream, server);
    const ring = await keyRing();
    const stored = await storage.get(kind, id);
    const opened = stored && ring.open(sealedRegistrations.boundTo(id), String(stored.value.sealed));
    if (opened !== undefined) return JSON.parse(opened) as Registered;
    // Sealed with a secret that is gone.
    if (stored) await compareAndDelete(storage, kind, id, stored.version);
    const { registered, expiresAt } = await registerDynamically(issuer, upstream, server, outbound);
    const sealed = ring.seal(sealedRegistrations.boundTo(id), JSON.stringify(registered));
    // Of processes that register at the same time one is remembered, and all use it.
    const write = { expiresAt, index: sealedIndex(id, sealed) };
    if (await storage.create(kind, id, { sealed }, write)) return registered;
    return registration(issuer, upstream, server, outbound);
  }

  /**
   * A client registered by hand is known to one authorization server, and its secret goes to no other that the upstream
   * names later (MCP 2026-07-28, credentials bound to the issuer): the first one that it is used with, unless named.
   */
  async function requireSameServer(
    issuer: Issuer,
    upstream: OAuthUpstream,
    { clientId, clientSecret }: ManualClient,
    server: AuthorizationServer,
  ): Promise<void> {
    if (clientSecret === undefined || upstream.authorizationServer !== undefined) return;
    const id = recordId(issuer, JSON.stringify(['by hand', upstream.id, clientId]));
    const known = await storage.get(kind, id);
    if (!known && (await storage.create(kind, id, { server: server.issuer }))) return;
    const first = known ?? (await storage.get(kind, id));
    if (first?.value.server === server.issuer) return;
    const detail =
      'the upstream names another authorization server than the one of its client: set authorizationServer';
    throw new UpstreamError({ reason: 'invalid_answer', detail });
  }

  async function registeredClient(
    issuer: Issuer,
    upstream: OAuthUpstream,
    server: AuthorizationServer,
    outbound: Outbound,
  ): Promise<Registered> {
    if (upstream.client) {
      await requireSameServer(issuer, upstream, upstream.client, server);
      return upstream.client;
    }
    if (server.client_id_metadata_document_supported === true && issuer.isSecure) {
      const method = documentMethod(server);
      const id = registrationId(issuer, upstream, server);
      // The document says how this client authenticates, and any process may be asked for it.
      await storage.put(kind, recordId(issuer, `document ${upstream.id}`), { method, server: id });
      return { clientId: documentUrl(issuer, upstream), method };
    }
    return registration(issuer, upstream, server, outbound);
  }

  return {
    async client(issuer, upstream, server, outbound) {
      const registered = await registeredClient(issuer, upstream, server, outbound);
      return { clientId: registered.clientId, authentication: await authentication(issuer, registered) };
    },
    async forget(issuer, upstream, server) {
      return (await storage.take(kind, registrationId(issuer, upstream, server))) !== undefined;
    },
    async document(issuer, upstream) {
      const stored = await storage.get(kind, recordId(issuer, `document ${upstream.id}`));
      const method = (stored?.value.method as AuthMethod | undefined) ?? 'private_key_jwt';
      return { client_id: documentUrl(issuer, upstream), ...metadata(issuer, upstream, method) };
    },
  };
}
