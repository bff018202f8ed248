import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * What this library uses of an oidc-provider instance, as structural types: public declarations name no type of
 * oidc-provider or Koa.
 */
export interface OidcProvider {
  readonly issuer: string;
  callback(): (req: IncomingMessage, res: ServerResponse) => Promise<void> | void;
  interactionDetails(req: IncomingMessage, res: ServerResponse): Promise<OidcInteraction>;
  on(event: string, listener: (...values: never[]) => void): unknown;
  readonly Client: { find(clientId: string): Promise<OidcClient | undefined> };
  readonly Grant: {
    new (properties: { accountId: string; clientId: string; jti?: string }): OidcGrant;
    find(id: string): Promise<OidcGrant | undefined>;
  };
  readonly Interaction: { find(uid: string): Promise<OidcInteraction | undefined> };
}

/** An authorization request that waits for a person. */
export interface OidcInteraction {
  readonly uid: string;
  /** Stays the same over all interactions of one authorization request. */
  readonly cid: string;
  readonly exp: number;
  readonly returnTo: string;
  readonly prompt: { readonly name: string; readonly reasons: readonly string[] };
  readonly params: Readonly<Record<string, unknown>>;
  /** `acr` is the sign-in that the session rests on, see `SignIns`. */
  session?: { accountId: string; uid?: string; acr?: string } | undefined;
  result?: unknown;
  save(ttlSeconds: number): Promise<unknown>;
}

export interface OidcClient {
  readonly clientId: string;
  readonly clientName?: string;
  readonly applicationType?: string;
  readonly redirectUris?: readonly string[];
  readonly tokenEndpointAuthMethod?: string;
  readonly clientIdMetadataDocument?: boolean;
  grantTypeAllowed(grantType: string): boolean;
  /** In the names of RFC 7591 section 2. */
  metadata(): Readonly<Record<string, unknown>>;
}

export interface OidcGrant {
  jti?: string;
  readonly accountId?: string;
  readonly clientId?: string;
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}
