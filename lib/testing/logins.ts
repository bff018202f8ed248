import { randomBytes } from 'node:crypto';

/** One sign-in of one person, as its tokens remember it. */
export interface SimulatedLogin {
  /** The name that was typed. */
  readonly user: string;
  readonly scopes: readonly string[];
  readonly nonce: string | undefined;
  readonly redirectUri: string;
  /** RFC 7636, method S256. */
  readonly codeChallenge: string | undefined;
  /** Seconds. */
  readonly authTime: number;
  readonly sid: string;
  /** Whether a refresh token comes with it. */
  readonly isOffline: boolean;
}

/** What the provider remembers: codes for a minute and one use, tokens until it ends. */
export interface Logins {
  /** Every login that got a code, in order. */
  readonly all: readonly SimulatedLogin[];
  begin(login: SimulatedLogin): string;
  /** The login of a code, once. A second use also ends what the first one brought (RFC 6749 section 4.1.2). */
  redeem(code: string, now: number): SimulatedLogin | undefined;
  issue(kind: 'access' | 'refresh', login: SimulatedLogin, token?: string): string;
  find(kind: 'access' | 'refresh', token: string): SimulatedLogin | undefined;
  revoke(kind: 'access' | 'refresh', token: string): void;
}

const codeSeconds = 60;

export function randomToken(): string {
  return randomBytes(24).toString('base64url');
}

export function createLogins(): Logins {
  const all: SimulatedLogin[] = [];
  const codes = new Map<string, { login: SimulatedLogin; expiresAt: number; isUsed: boolean }>();
  const tokens = { access: new Map<string, SimulatedLogin>(), refresh: new Map<string, SimulatedLogin>() };
  return {
    all,
    begin(login) {
      all.push(login);
      const code = randomToken();
      codes.set(code, { login, expiresAt: login.authTime + codeSeconds, isUsed: false });
      return code;
    },
    redeem(code, now) {
      const found = codes.get(code);
      if (found === undefined || now > found.expiresAt) return undefined;
      if (!found.isUsed) {
        found.isUsed = true;
        return found.login;
      }
      for (const issued of Object.values(tokens))
        for (const [token, login] of issued) if (login === found.login) issued.delete(token);
      return undefined;
    },
    issue(kind, login, token = randomToken()) {
      tokens[kind].set(token, login);
      return token;
    },
    find: (kind, token) => tokens[kind].get(token),
    revoke: (kind, token) => void tokens[kind].delete(token),
  };
}
