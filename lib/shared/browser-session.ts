import { cookieNames } from './cookie-names.ts';
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

/** What is used of oidc-provider, and of Koa below it, to begin a session outside of an authorization request. */
interface SessionProvider {
  readonly Session: new () => {
    readonly id: string;
    readonly exp?: number;
    loginAccount(login: { accountId: string; acr: string }): void;
    save(ttlSeconds: number): Promise<unknown>;
  };
  createContext(
    req: Exchange['req'],
    res: Exchange['res'],
  ): { cookies: { secure: boolean; set(name: string, value: string, options: object): void } };
}

/** Begins a session of this browser for somebody who has just signed in; one that it had must have been ended. */
export async function beginBrowserSession(
  provider: OidcProvider,
  { req, res, issuer }: Pick<Exchange, 'req' | 'res' | 'issuer'>,
  { accountId, signInId }: { readonly accountId: string; readonly signInId: string },
  lifetimeSeconds: number,
): Promise<void> {
  const { Session, createContext } = provider as unknown as SessionProvider;
  const session = new Session();
  session.loginAccount({ accountId, acr: signInId });
  await session.save(lifetimeSeconds);
  const { cookies } = createContext.call(provider, req, res);
  cookies.secure = issuer.isSecure;
  cookies.set(cookieNames(issuer).session, session.id, {
    httpOnly: true,
    sameSite: 'lax',
    secure: issuer.isSecure,
    signed: true,
    overwrite: true,
    path: '/',
    expires: new Date(Date.now() + lifetimeSeconds * 1000),
  });
}
