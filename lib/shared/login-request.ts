/** What a login needs to know of the authorization request that waits for it. */
export interface LoginRequest {
  readonly uid: string;
  readonly flowId: string;
  readonly clientId: string;
  /** UNIX seconds at which the authorization request ends. */
  readonly expiresAt: number;
  readonly prompt?: string;
  readonly loginHint?: string;
  /** How recent the login must be, seconds (OpenID Connect Core section 3.1.2.1). */
  readonly maxAge?: number;
  readonly acrValues?: string;
  /** Resource that the request is for, as the client spelt it. */
  readonly resource?: string;
  /** Issuer of the identity provider at which the person is known: of several that one is asked. */
  readonly knownAt?: string;
  /** What the person chose on the page that asks where to sign in. */
  readonly choice?: undefined | { readonly provider: string | null; readonly email: string | null };
  /** Where that page is posted, as an approval that was given already. */
  readonly approval?: { readonly action: string; readonly csrf: string; readonly remember: boolean };
  /** Languages of the pages on the way, as the client wishes (`ui_locales`). */
  readonly uiLocales?: string;
  /** `form-action` source of the client's redirect URI, for pages of ours on the way there. */
  readonly redirectSource: string;
}

/** An authorization request that a person has approved and signed in for. */
export interface ApprovedLogin {
  readonly uid: string;
  readonly flowId: string;
  readonly clientId: string;
  /** Absent where it has none. */
  readonly clientName?: string;
  /** Public path of the resource that is asked for. */
  readonly path: string;
  /** UNIX seconds at which the authorization request ends. */
  readonly expiresAt: number;
  readonly account: string;
  /** `form-action` source of the client's redirect URI. */
  readonly redirectSource: string;
  /** The sign-in whose end is that of the grant, too. */
  readonly signInId?: string;
  /** Languages of the pages on the way, as the client wishes (`ui_locales`). */
  readonly uiLocales?: string;
}
