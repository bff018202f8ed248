import type { Identity } from '../shared/identity.ts';

/** How this server is known to the authorization server of an upstream. */
export type UpstreamClientRegistration =
  /**
   * By a metadata document that this server publishes for the upstream, where its authorization server accepts those and
   * the issuer is https, else by dynamic registration (RFC 7591).
   */
  | { readonly mode: 'auto' }
  /** By what was registered there by hand, with the redirect URI `<issuer>/oauth/connect/callback/<id>`. */
  | {
      readonly mode: 'manual';
      readonly clientId: string;
      readonly clientSecret?: string;
      /** @defaultValue 'client_secret_basic' with a secret, 'none' without; 'private_key_jwt' uses the keys at `/oauth/client-jwks` */
      readonly tokenEndpointAuthMethod?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none';
    };

/** What every upstream with tokens has. */
export interface UpstreamOptions {
  /** Names the upstream in storage, links and events: lower-case letters, digits, `-` and `_`. It must never change. */
  readonly id: string;
  /** Name on pages and in answers. */
  readonly displayName: string;
}

/** Options of `userOAuth()`. */
export interface UserOAuthOptions extends UpstreamOptions {
  /** One sentence on the connect page. */
  readonly summary?: string;
  /**
   * URL of the upstream's metadata (RFC 9728), for one that neither names it in its challenge nor publishes it at a standard
   * place. @defaultValue found by the challenge, then at the well-known paths
   */
  readonly protectedResourceMetadataUrl?: string;
  /**
   * Issuer of the authorization server, for an upstream that publishes no metadata, or whose client is registered by hand: the
   * secret of such a client goes to no other server than the first one. @defaultValue found by metadata
   */
  readonly authorizationServer?: string;
  /** Scopes to ask for. @defaultValue those of the upstream's challenge, then of its metadata, else none */
  readonly scopes?: readonly string[];
  /** What stands between scopes. @defaultValue ' ' */
  readonly scopeDelimiter?: string;
  /** @defaultValue { mode: 'auto' } */
  readonly clientRegistration?: UpstreamClientRegistration;
  /** Further parameters of the authorization request, such as `{ access_type: 'offline' }` for Google. */
  readonly authorizationParameters?: Readonly<Record<string, string>>;
  /**
   * When the user is asked to connect: `required` and `offered` on a page after the login for this route, which waits for
   * `required` ones; `on-demand` not before a call needs it. @defaultValue 'offered'
   */
  readonly connect?: 'required' | 'offered' | 'on-demand';
  /**
   * Whether a user who is not connected sees one tool, `connect_<id>`, that answers with the link. Without it, listing
   * tools is an error that holds the link. @defaultValue true
   */
  readonly connectTool?: boolean;
}

/** Options of `sharedOAuth()`. */
export interface SharedOAuthOptions extends UserOAuthOptions {
  /** Who may connect the upstream for everybody. Others are told to ask an administrator. */
  readonly mayConnect: (identity: Identity) => boolean;
}

/** How this server authenticates itself at a token endpoint. */
export type UpstreamClientAuth =
  | {
      readonly method: 'client_secret_post' | 'client_secret_basic';
      readonly clientId: string;
      readonly clientSecret: string;
    }
  | {
      readonly method: 'private_key_jwt';
      readonly clientId: string;
      /** PKCS#8. @defaultValue this server's own key, published at `/oauth/client-jwks`, ES256 */
      readonly privateKeyPem?: string;
      /** Of `privateKeyPem`. @defaultValue 'RS256' */
      readonly algorithm?: 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA';
      readonly keyId?: string;
    };

/** Options of `idJag()`. */
export interface IdJagUpstreamOptions extends UpstreamOptions {
  /** Scopes to ask for. @defaultValue [] */
  readonly scopes?: readonly string[];
  /** What stands between scopes. @defaultValue ' ' */
  readonly scopeDelimiter?: string;
  /** Whether a user who has to sign in again sees one tool, `connect_<id>`, that gives the link. @defaultValue true */
  readonly connectTool?: boolean;
  /** The identity provider, which issues the assertion for the kept ID token of the login (RFC 8693). */
  readonly idp: { readonly tokenUrl: string; readonly clientAuth: UpstreamClientAuth };
  /** The upstream's authorization server, which redeems the assertion (RFC 7523). */
  readonly resourceAs: {
    readonly tokenUrl: string;
    /** Its issuer identifier: the assertion is for it. */
    readonly audience: string;
    readonly clientAuth: UpstreamClientAuth;
    /** Whether the redemption repeats the scopes; some servers refuse that. @defaultValue false */
    readonly sendScopes?: boolean;
  };
  /** The upstream's resource identifier. @defaultValue the route's target, without query */
  readonly resource?: string;
}

/** Options of `tokenExchange()`. */
export interface TokenExchangeOptions extends UpstreamOptions {
  readonly tokenUrl: string;
  readonly clientAuth: UpstreamClientAuth;
  /** RFC 8693, or the on-behalf-of flow of Microsoft Entra. @defaultValue 'token-exchange' */
  readonly grant?: 'token-exchange' | 'on-behalf-of';
  /** Which token of the login is exchanged. @defaultValue 'access_token' */
  readonly subjectToken?: 'access_token' | 'id_token';
  /** `audience` and `resource` of the request, where the server wants them. */
  readonly audience?: string;
  readonly resource?: string;
  readonly scopes?: readonly string[];
  /** @defaultValue ' ' */
  readonly scopeDelimiter?: string;
  /** As with `idJag`. @defaultValue true */
  readonly connectTool?: boolean;
}
