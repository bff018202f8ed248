import type { EventSink } from '../shared/events.ts';
import type { Endpoint, Exchange } from '../shared/http.ts';
import type { Identities, Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { ApprovedLogin, LoginRequest } from '../shared/login-request.ts';
import type { PageUpstream } from '../shared/pages/models.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import type { ConnectLinks } from './connect-links.ts';
import type { OAuthClient } from './oauth-client.ts';
import type { Vault, VaultKey } from './vault.ts';

/** An upstream that people connect. */
export interface ConnectableUpstream {
  readonly id: string;
  readonly displayName: string;
  readonly summary?: string;
  readonly host: string;
  /** Public path of the route: the resource whose logins ask for it. */
  readonly path: string;
  readonly connect: 'required' | 'offered' | 'on-demand';
  readonly isShared: boolean;
  readonly mayConnect: (identity: Identity) => boolean;
  readonly keyOf: (issuer: Issuer, account: string) => VaultKey;
  /** Absent where a login here is all that it takes. */
  readonly client?: OAuthClient;
}

export interface ConnectOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly pages: Pages;
  readonly identities: Identities;
  readonly vault: Vault;
  readonly links: ConnectLinks;
  readonly find: (id: string) => ConnectableUpstream | undefined;
  readonly all: () => readonly ConnectableUpstream[];
  /** Paths after the issuer's prefix. */
  readonly paths: { readonly connect: string; readonly connectLogin: string; readonly connectCallback: string };
  /** The account of the browser's session here. */
  readonly sessionAccount: (exchange: Exchange) => Promise<string | undefined>;
  readonly startLogin: (exchange: Exchange, login: LoginRequest) => Promise<void>;
}

export interface ConnectEndpoints {
  /** `/oauth/connect/:id` */
  readonly link: Endpoint;
  /** `/oauth/connect/callback/:id` of an upstream */
  readonly callback: Endpoint;
  /** `/oauth/connect/login/:id` */
  readonly afterLogin: Endpoint;
  /** After a login that a link has asked for. */
  signedIn(exchange: Exchange, uid: string, account: string): Promise<void>;
  /** Where there are upstreams to offer, shows them; `finish` then goes on with the login. @returns whether it did */
  offer(exchange: Exchange, login: ApprovedLogin): Promise<boolean>;
  /** Upstreams that a person may connect for the route at this path, as pages show them. */
  list(issuer: Issuer, account: string, path: string): Promise<PageUpstream[]>;
  /**
   * Takes the browser to one of them, and back to a page of ours whatever came of it; where it was not connected, the page's
   * address says so.
   * @returns false where it is none of them, or connected already
   */
  connect(
    exchange: Exchange,
    request: { readonly account: string; readonly path: string; readonly upstream: string; readonly returnTo: string },
  ): Promise<boolean>;
  /** Whether the person is connected to all that the route at this path requires. */
  isReady(issuer: Issuer, account: string, path: string): Promise<boolean>;
}

/** Where a login or a connection goes on. */
export interface LoginContinuation {
  /** @returns false where the request was finished meanwhile */
  readonly finish: (exchange: Exchange, login: ApprovedLogin) => Promise<boolean>;
  readonly fail: (exchange: Exchange, uid: string, error: { code: string; description: string }) => Promise<boolean>;
}
