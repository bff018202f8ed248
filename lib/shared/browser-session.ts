import type { Exchange } from './http.ts';
import type { OidcProvider } from './oidc-provider.ts';

/** What oidc-provider knows of the browser's session. */
export interface BrowserSession {
  readonly uid: string;
  /** undefined: nobody is signed in. */
  readonly accountId?: string;
  /** The sign-in that it rests on, see `SignIns`. */
  readonly acr?: string;
}

/** The session that a browser has now. It may be younger than the authorization request, which knows the one before it. */
export function browserSession(
  provider: OidcProvider,
  { req, res }: Pick<Exchange, 'req' | 'res'>,
): Promise<BrowserSession> {
  const { Session } = provider as OidcProvider & {
    readonly Session: { get(ctx: Pick<Exchange, 'req' | 'res'>): Promise<BrowserSession> };
  };
  return Session.get({ req, res });
}
