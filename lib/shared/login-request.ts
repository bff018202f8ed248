/** What a login needs to know of the authorization request that waits for it. */
export interface LoginRequest {
  readonly uid: string;
  readonly flowId: string;
  readonly clientId: string;
  /** UNIX seconds at which the authorization request ends. */
  readonly expiresAt: number;
  readonly prompt?: string;
  readonly loginHint?: string;
  /** Languages of the pages on the way, as the client wishes (`ui_locales`). */
  readonly uiLocales?: string;
  /** `form-action` source of the client's redirect URI, for pages of ours on the way there. */
  readonly redirectSource: string;
}
