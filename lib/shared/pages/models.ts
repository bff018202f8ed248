import type { Html } from '../html.ts';
import type { PageErrorKind, PageMessages } from './messages.ts';

/** What every page knows of its surroundings. */
export interface PageContext {
  /** Language tag of the chosen catalogue. */
  readonly locale: string;
  readonly direction: 'ltr' | 'rtl';
  readonly messages: PageMessages;
  readonly brand: PageBrand;
  /** Host of the issuer: where the person is. */
  readonly host: string;
  /** For `<style nonce>`: no other style is applied, and no script ever runs. New for each page. */
  readonly nonce: string;
  /** The style sheet of the common layout. */
  readonly style: string;
}

/** Whose pages these are. */
export interface PageBrand {
  /** @defaultValue the host of the issuer */
  readonly name?: string;
  /** A `data:image/…` URI, or the path of an image on the issuer's origin. */
  readonly logo?: string;
  /** Colour of buttons and links, `#rrggbb`; made darker or lighter where contrast asks for it. */
  readonly accent?: string;
  /** Where people find help: an https or mailto URL. */
  readonly supportUrl?: string;
}

interface PageModel {
  readonly page: PageContext;
}

/** An application, as far as it is known. All text of it is untrusted; it is cleaned of invisible characters and limited. */
export interface PageClient {
  /** Absent where it has none. */
  readonly name?: string;
  /** What is known of the name: nothing, that the domain published it, or that the operator set the client up. */
  readonly verification: 'unverified' | 'domain' | 'operator';
  /** Host of the metadata document: the verified domain. */
  readonly verifiedHost?: string;
}

/** Before the browser leaves for the identity provider, or, with a session, before the code. */
export interface ConsentModel extends PageModel {
  readonly client: PageClient & {
    /** Where the answer goes. */
    readonly redirectHost: string;
    /** Any program on this computer may receive it (RFC 8252 section 8.6). */
    readonly reach: 'web' | 'loopback' | 'private-scheme';
  };
  readonly resource: { readonly name: string; readonly url: string };
  readonly scopes: readonly string[];
  /** The signed-in person; without one, the identity provider comes next. */
  readonly account?: string;
  /** Services that the resource uses in the person's name; empty before the sign-in, they come after it then. */
  readonly upstreams: readonly PageUpstream[];
  /** Name of a service that was not connected just now. */
  readonly notConnected?: string;
  /** Approved while a required service was not connected: it counts only once that is done. */
  readonly isHeldBack: boolean;
  /** Whether the form may offer a field `remember` (`yes`). */
  readonly mayRemember: boolean;
  /** Whether that field was ticked, before a service was connected. */
  readonly wasRemembered: boolean;
  /**
   * Where the form is posted, with the field `csrf` and either `decision` (`approve` or `deny`) or `connect` (the id of a
   * service). One form, so that `remember` is sent with each.
   */
  readonly action: string;
  readonly csrf: string;
}

/** The sign-in of the development: a name and roles, no password. */
export interface DevLoginModel extends PageModel {
  /** Where the form is posted, with the fields `state`, `name` and `roles`. */
  readonly action: string;
  readonly state: string;
}

/** Where somebody signs in, where there are several places. */
export interface ChooserModel extends PageModel {
  /** For the field `identity_provider`. */
  readonly providers: readonly { readonly id: string; readonly name: string }[];
  /** Whether a field `email` finds the provider by its domain. */
  readonly asksEmail: boolean;
  /** The address given was of no known domain. */
  readonly isUnknownEmail: boolean;
  /** How and where the form is sent, with these further fields as they are. */
  readonly form: {
    readonly method: 'get' | 'post';
    readonly action: string;
    readonly fields: readonly (readonly [name: string, value: string])[];
  };
}

/** Before this browser is signed out. */
export interface SignOutModel extends PageModel {
  readonly account: string;
  /** Where the form is posted, with the field `csrf`. */
  readonly action: string;
  readonly csrf: string;
}

/** After it. */
export interface SignedOutModel extends PageModel {}

/** A service elsewhere that is used in the person's name. */
export interface PageUpstream {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly summary?: string;
  readonly isConnected: boolean;
  /** Whether the application gets nothing before it is connected. */
  readonly isRequired: boolean;
  /** Everybody uses the connection. */
  readonly isShared: boolean;
}

/** Behind a link: whether to connect one upstream. */
export interface ConnectModel extends PageModel {
  readonly upstream: PageUpstream;
  /** The signed-in person. */
  readonly account: string;
  /** Where the form is posted, with the fields `csrf` and `decision` (`connect`). */
  readonly action: string;
  readonly csrf: string;
}

/** After a login: what the application will use in the person's name. With a session it is part of the consent page. */
export interface ConnectListModel extends PageModel {
  /** Absent where the application has none. */
  readonly clientName?: string;
  readonly account: string;
  readonly upstreams: readonly PageUpstream[];
  /** Name of a service that was not connected just now. */
  readonly notConnected?: string;
  /** Where the forms are posted, with `csrf` and `decision`: `connect` with `upstream`, `continue` or `deny`. */
  readonly action: string;
  readonly csrf: string;
}

/** An upstream was connected, and there is nothing to go on to. */
export interface ConnectedModel extends PageModel {
  readonly upstreamName: string;
}

/** An application that may act in the person's name. */
export interface ConnectedClient extends PageClient {
  /** Client id. */
  readonly id: string;
  readonly resources: readonly { readonly name: string; readonly url: string }[];
  readonly scopes: readonly string[];
  /** When it was allowed first, UNIX seconds. */
  readonly allowedAt: number;
  /** When it last got a token again, UNIX seconds, ten minutes off at most; absent where it never did. */
  readonly lastUsedAt?: number;
}

/** An account elsewhere that is used in the person's name. */
export interface ConnectedUpstream {
  readonly id: string;
  readonly name: string;
  /** UNIX seconds. */
  readonly connectedAt: number;
}

/** What applications may do in the person's name, and how to end it. */
export interface ConnectionsModel extends PageModel {
  readonly account: string;
  readonly clients: readonly ConnectedClient[];
  /** The next page of them, where there are hundreds; a client may be on several. */
  readonly moreUrl?: string;
  /** The first page, on the others. */
  readonly startUrl?: string;
  readonly upstreams: readonly ConnectedUpstream[];
  /** What was just done. */
  readonly notice?: 'revoked' | 'disconnected';
  /** UNIX seconds. */
  readonly now: number;
  /**
   * Where the forms are posted, with `csrf` and `decision`: `revoke` with `client`, `revoke-all`, `disconnect` with
   * `upstream`, or `sign-out` (everywhere).
   */
  readonly action: string;
  readonly csrf: string;
  /** Asks whether to sign this browser out. */
  readonly signOutUrl: string;
}

/** Something failed. */
export interface ErrorModel extends PageModel {
  readonly kind: PageErrorKind;
  /** Registered OAuth error code. */
  readonly code?: string;
  /** Joins this page with the events of its request. */
  readonly flowId?: string;
  /** Values of the message, such as `url` and `reason`. */
  readonly values?: Readonly<Record<string, string>>;
  /** What the protocol says of the request, in English. */
  readonly detail?: string;
  /** What the app says to the person, in its own words. */
  readonly explanation?: string;
  /** Where to go on from here. */
  readonly next?: { readonly label: 'tryAgain' | 'goBack'; readonly href: string };
}

/** The pages by name, with what each is given. */
export interface PageModels {
  readonly consent: ConsentModel;
  readonly devLogin: DevLoginModel;
  readonly chooser: ChooserModel;
  readonly signOut: SignOutModel;
  readonly signedOut: SignedOutModel;
  readonly connect: ConnectModel;
  readonly connectList: ConnectListModel;
  readonly connected: ConnectedModel;
  readonly connections: ConnectionsModel;
  readonly error: ErrorModel;
}

/** Name of a page, and of the option that replaces it. */
export type PageName = keyof PageModels;

/** A page: the whole document for a model. */
export type PageFunctions = { readonly [Name in PageName]: (model: PageModels[Name]) => Html };
