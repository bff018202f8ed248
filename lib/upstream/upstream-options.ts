import type { Identity } from '../shared/identity.ts';

/** How this server is known to the authorization server of an upstream. */
export type UpstreamClientRegistration =
  /**
   * By a metadata document that this server publishes for the upstream, where its authorization server accepts those and
   * the issuer is https, else by dynamic registration (RFC 7591).
   */
  | { readonly mode: 'auto' }
  /** By what was registered there by hand, with the redirect URI `<issuer>/oauth/connect/callback`. */
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
  /** Issuer of the authorization server, for an upstream that publishes no metadata. @defaultValue found by metadata */
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
