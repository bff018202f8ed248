import { browserSession } from '../shared/browser-session.ts';
import { cookieNames } from '../shared/cookie-names.ts';
import type { EventSink } from '../shared/events.ts';
import { BodyError, type Endpoint, type Exchange, readForm, redirect, setCookie } from '../shared/http.ts';
import { type Identities, nameOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { foreignForm } from '../shared/own-form.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import { type SignIn, type SignIns, signInKey } from '../shared/sign-ins.ts';
import { LoginError } from './login-error.ts';

export interface LogoutOptions {
  readonly provider: (issuer: Issuer) => Promise<{ provider: OidcProvider }>;
  readonly identities: Identities;
  readonly signIns: SignIns;
  readonly keyRing: KeyRingSource;
  readonly events: EventSink;
  readonly pages: Pages;
  /** Public path of the page, without the issuer's prefix. */
  readonly path: string;
  /** Path of the page that the browser comes back to, without the issuer's prefix. */
  readonly signedOutPath: string;
  /**
   * Ends the login where it was made, too. @returns where the browser goes for that; undefined where it goes nowhere
   * @throws LoginError where the identity provider cannot be asked for its address
   */
  readonly leave: (exchange: Exchange, signIn: SignIn, returnUri: string) => Promise<string | undefined>;
}

/** Sign-out of this browser, and after it the page where the identity provider leaves the person. */
export interface Logout {
  readonly endpoint: Endpoint;
  readonly signedOut: Endpoint;
  /** Ends the login of a sign-in where it was made. @returns where the browser goes: there and back, or to the page of the end */
  leave(exchange: Exchange, signInId: string | undefined): Promise<string>;
}

/**
 * Ends the browser's session here and, by OpenID Connect RP-Initiated Logout 1.0, at the identity provider. Nothing in the
 * request says where to go on: the way back is always to our own page.
 */
export function createLogout(options: LogoutOptions): Logout {
  const { signIns, events, pages } = options;
  const csrfText = (uid: string) => `logout:${uid}`;
  const signedOutUrl = (issuer: Issuer) => `${issuer.identifier}${options.signedOutPath}`;

  async function sessionOf(exchange: Exchange) {
    const { provider } = await options.provider(exchange.issuer);
    const { uid, accountId, acr } = await browserSession(provider, exchange);
    return accountId === undefined || acr === undefined ? undefined : { uid, accountId, signInId: acr };
  }

  async function ask(exchange: Exchange): Promise<void> {
    const { issuer, res } = exchange;
    const session = await sessionOf(exchange);
    if (!session) return redirect(res, signedOutUrl(issuer));
    const identity = await options.identities.find(issuer, session.accountId);
    const ring = await options.keyRing();
    const content = {
      account: identity ? nameOf(identity) : session.accountId,
      action: `${issuer.pathPrefix}${options.path}`,
      csrf: ring.sign('csrf', csrfText(session.uid)),
    };
    // The form leads on to the identity provider, and to whomever it tells.
    pages.send(exchange, 'signOut', content, { formAction: [issuer.isLoopback ? 'http:' : 'https:'] });
  }

  /** The local session is over whatever becomes of the other one. */
  async function leave(exchange: Exchange, signInId: string | undefined): Promise<string> {
    const returnUri = signedOutUrl(exchange.issuer);
    const signIn = signInId === undefined ? undefined : await signIns.find(exchange.issuer, signInId);
    if (!signIn) return returnUri;
    try {
      return (await options.leave(exchange, signIn, returnUri)) ?? returnUri;
    } catch (error) {
      if (!(error instanceof LoginError)) throw error;
      events.emit({ type: 'login.failed', reason: `logout: ${error.message}` });
      return returnUri;
    }
  }

  async function signOut(exchange: Exchange): Promise<void> {
    const { issuer, res } = exchange;
    const token = (await readForm(exchange.req)).get('csrf');
    const session = await sessionOf(exchange);
    if (!session) return redirect(res, signedOutUrl(issuer));
    const foreign = foreignForm(exchange, await options.keyRing(), csrfText(session.uid), token);
    if (foreign !== undefined) {
      events.emit({ type: 'logout.refused', reason: foreign });
      // Back to the question, which is asked with a token of this session.
      return redirect(res, `${issuer.identifier}${options.path}`);
    }
    await signIns.end(signInKey(issuer, session.signInId));
    events.emit({ type: 'session.ended', reason: 'logout', subject: session.accountId, sessions: 1, grants: 0 });
    const { session: cookie } = cookieNames(issuer);
    for (const name of [cookie, `${cookie}.sig`]) setCookie(res, issuer, name, '', 0);
    redirect(res, await leave(exchange, session.signInId));
  }

  return {
    async endpoint(exchange) {
      const { req, res } = exchange;
      try {
        if (req.method === 'GET') return await ask(exchange);
        if (req.method === 'POST') return await signOut(exchange);
      } catch (error) {
        if (!(error instanceof BodyError)) throw error;
        events.emit({ type: 'logout.refused', reason: error.message });
        return redirect(res, `${exchange.issuer.identifier}${options.path}`);
      }
      res.setHeader('allow', 'GET, POST');
      pages.send(exchange, 'error', { kind: 'notUsable', code: 'invalid_request' }, { status: 405 });
    },
    leave,
    signedOut: (exchange) => pages.send(exchange, 'signedOut', {}),
  };
}
