import { hash, randomBytes } from 'node:crypto';
import { cookieNames } from '../shared/cookie-names.ts';
import { type EventContext, resourceMember } from '../shared/events.ts';
import { type Exchange, readCookies, setCookie } from '../shared/http.ts';
import { equalTexts } from '../shared/key-ring.ts';
import { recordId } from '../shared/record-ids.ts';
import type { KeyRingSource } from '../shared/secrets.ts';
import type { Storage } from '../storage/storage.ts';

/** A login in flight, between the approval and the callback. */
export interface LoginState {
  readonly uid: string;
  readonly flowId: string;
  readonly clientId: string;
  /** Resource that the request is for. */
  readonly resource?: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Which of several identity providers the browser was sent to. */
  readonly provider?: string;
  /** How recent the login must be: its age in seconds, or the time from which it counts, UNIX seconds. */
  readonly maxAge?: number;
  readonly notBefore?: number;
  /** See `LoginRequest`; kept by the dev login only. */
  readonly redirectSource?: string;
}

/** What the events of one login have in common. A login that a connect link asked for is no client's. */
export function loginContext({
  flowId,
  clientId,
  resource,
}: Pick<LoginState, 'flowId' | 'clientId' | 'resource'>): EventContext {
  return { flowId, ...(clientId !== '' && { clientId }), ...resourceMember(resource) };
}

/** Why a callback does not belong to a login that this browser started. */
export type LoginStateProblem = 'state_missing' | 'state_unknown' | 'other_browser' | 'other_provider';

export interface LoginStates {
  /** Writes the state and binds it to this browser by a cookie. Only ever after an approval. @returns the state parameter */
  begin(exchange: Exchange, login: LoginState, ttlSeconds: number): Promise<string>;
  /** Looks at a state of this browser; uses nothing up. */
  peek(exchange: Exchange, state: string | null): Promise<Pick<LoginState, 'redirectSource'> | LoginStateProblem>;
  /**
   * Takes the state, once: of parallel callbacks one gets it.
   * @param provider whose callback this is: another's answer is not looked at (RFC 9700 section 4.4)
   */
  take(exchange: Exchange, state: string | null, provider?: string): Promise<LoginState | LoginStateProblem>;
}

const kind = 'LoginState';
const statePattern = /^[A-Za-z0-9_-]{43}$/;
const digest = (secret: string) => hash('sha256', secret, 'base64url');
const random = () => randomBytes(32).toString('base64url');

/** Login states in storage, verifier and nonce sealed; each bound to a browser (RFC 9700 section 4.7, MCP 2026-07-28). */
export function createLoginStates(storage: Storage, keyRing: KeyRingSource): LoginStates {
  async function find(exchange: Exchange, state: string | null): Promise<Record<string, string> | LoginStateProblem> {
    if (state === null || !statePattern.test(state)) return 'state_missing';
    const record = await storage.get(kind, recordId(exchange.issuer, state));
    if (typeof record?.value.binding !== 'string') return 'state_unknown';
    const secret = readCookies(exchange.req).get(cookieNames(exchange.issuer).login(state));
    if (secret === undefined || !equalTexts(digest(secret), record.value.binding)) return 'other_browser';
    return record.value as Record<string, string>;
  }

  return {
    async peek(exchange, state) {
      const found = await find(exchange, state);
      if (typeof found === 'string') return found;
      return found.redirectSource === undefined ? {} : { redirectSource: found.redirectSource };
    },

    async begin(exchange, { nonce, codeVerifier, ...login }, ttlSeconds) {
      const [state, secret] = [random(), random()];
      const id = recordId(exchange.issuer, state);
      const ring = await keyRing();
      const sealed = ring.seal(id, JSON.stringify({ nonce, codeVerifier }));
      const expiresAt = Math.floor(Date.now() / 1000) + ttlSeconds;
      await storage.put(kind, id, { ...login, binding: digest(secret), sealed }, { expiresAt });
      setCookie(exchange.res, exchange.issuer, cookieNames(exchange.issuer).login(state), secret, ttlSeconds);
      return state;
    },

    async take(exchange, state, provider) {
      // The browser is checked first: a stranger who learnt the state cannot use it up.
      const found = await find(exchange, state);
      if (typeof found === 'string') return found;
      if (found.provider !== provider) return 'other_provider';
      const id = recordId(exchange.issuer, state as string);
      const record = await storage.take(kind, id);
      if (!record) return 'state_unknown';
      setCookie(exchange.res, exchange.issuer, cookieNames(exchange.issuer).login(state as string), '', 0);
      const { sealed, binding: _, ...login } = record.value;
      const opened = (await keyRing()).open(id, String(sealed));
      if (opened === undefined) return 'state_unknown';
      return { ...login, ...JSON.parse(opened) } as LoginState;
    },
  };
}
