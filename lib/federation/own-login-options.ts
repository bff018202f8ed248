import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OptionReader } from '../shared/option-reader.ts';

/** The app's own login instead of an identity provider. */
export interface OwnLoginOptions {
  /**
   * Who is signed in to the app, by its own session (express-session, Passport); undefined for nobody. Asked at every
   * authorization request, so a sign-out of the app is one here. `app.use` the session before `auth`.
   */
  readonly authenticate: (req: IncomingMessage) => Promise<OwnIdentity | undefined> | OwnIdentity | undefined;
  /**
   * Path of the app's login page on the issuer's origin, such as `/login`. After the sign-in it sends the browser to the path
   * in the query parameter `returnTo`; `prompt=login` asks for the password even of somebody who is signed in.
   */
  readonly url: string;
  /** Name of that parameter. @defaultValue 'returnTo' */
  readonly returnParameter?: string;
  /** Somebody signs out at `/oauth/logout`: end the app's session, too. */
  readonly onLogout?: (req: IncomingMessage, res: ServerResponse) => Promise<void> | void;
}

/** A user of the app. */
export interface OwnIdentity {
  /** The user's id in the app: never an email address, which may change hands. */
  readonly sub: string;
  readonly roles?: readonly string[];
  /** Further claims for `req.user.data`, such as `name` and `email`; must be JSON. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** When the password was given, UNIX seconds. Without it, clients that ask for a fresh login (`prompt=login`, `max_age`) get none. */
  readonly authTime?: number;
}

/** `login` with its defaults. */
export interface ResolvedOwnLogin {
  readonly kind: 'own';
  readonly authenticate: OwnLoginOptions['authenticate'];
  readonly url: string;
  readonly returnParameter: string;
  readonly onLogout: OwnLoginOptions['onLogout'];
}

const names = [
  'authenticate',
  'url',
  'returnParameter',
  'onLogout',
] as const satisfies readonly (keyof OwnLoginOptions)[];

const pathRule = {
  what: "a path of the issuer's origin, such as '/login', without query",
  accept: (text: string) => /^\/(?![/\\])[^\s?#\\]*$/.test(text),
};
const parameterRule = {
  what: 'the name of a query parameter',
  accept: (text: string) => /^[A-Za-z0-9_.-]{1,64}$/.test(text),
};

/** `login`, where it is given: then neither `oidc` nor `identityProviders` may be. */
export function readOwnLogin(options: OptionReader): ResolvedOwnLogin | undefined {
  if (!options.has('login')) return undefined;
  const login = options.group('login', names);
  if (!login.has('authenticate')) login.problem('authenticate', 'must be given: async (req) => identity | undefined');
  if (!login.has('url')) login.problem('url', "must be given: the path of the app's login page, such as '/login'");
  return Object.freeze({
    kind: 'own' as const,
    authenticate: (login.fn('authenticate') ?? (() => undefined)) as OwnLoginOptions['authenticate'],
    url: login.string('url', pathRule) ?? '/',
    returnParameter: login.string('returnParameter', parameterRule) ?? 'returnTo',
    onLogout: login.fn('onLogout') as OwnLoginOptions['onLogout'],
  });
}
