import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventSink } from '../shared/events.ts';
import { accountIdOf, type Identities } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import type { KeptTokens, ProviderTokenSource, ProviderTokens, ProviderTokenVault } from '../shared/provider-tokens.ts';
import { signInKey } from '../shared/sign-ins.ts';
import { compareAndDelete } from '../storage/compare-and-delete.ts';
import type { Storage } from '../storage/storage.ts';
import type { IdentityProvider, Refreshed } from './identity-provider.ts';
import { describeLoginProblem, LoginError } from './login-error.ts';
import { namedLogins, type ResolvedLogin } from './resolve-login-options.ts';

/** What the identity provider says of a user now. */
export type Confirmation =
  /** It was asked, and roles and claims are those that it gave. */
  | { readonly kind: 'confirmed' }
  /** It could not be asked: what was known stays. */
  | { readonly kind: 'unconfirmed' }
  /** It ended the login: so it is ended here, with everything granted in it. */
  | { readonly kind: 'ended'; readonly reason: string };

/** The provider's side of logins that go on after the browser left: its tokens, and what it says of their users. */
export interface ProviderSessions extends ProviderTokenSource {
  /** Keeps the tokens of a login where somebody needs them; nothing otherwise. */
  keep(issuer: Issuer, signInId: string, login: Omit<KeptTokens, 'version'>): Promise<void>;
  /** The tokens of a grant's login for the app itself, where its provider's `exposeTokens` is on. @throws StorageUnavailableError */
  forApp(issuer: Issuer, grantId: string): Promise<ProviderTokens | undefined>;
  /** Asks the provider about the user of a grant, where its `offlineAccess` is on; once for all replicas that ask together. @throws StorageUnavailableError */
  confirm(issuer: Issuer, grantId: string): Promise<Confirmation>;
}

export interface ProviderSessionsOptions {
  readonly storage: Storage;
  readonly vault: ProviderTokenVault;
  readonly identities: Identities;
  readonly events: EventSink;
  /** Key of the sign-in that a grant rests on. */
  readonly signInOf: (issuer: Issuer, grantId: string) => Promise<string | undefined>;
  /** Ends a sign-in with its sessions, grants and tokens. */
  readonly endSignIn: (key: string) => Promise<void>;
  /** One of several by its name; without a name the only one. */
  readonly identityProvider: (name: string | undefined) => IdentityProvider | undefined;
  /** Longest wait of one refresh for the provider. @defaultValue 5000 */
  readonly maxWaitMs?: number;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

const leaseKind = 'ProviderRefresh';
const pollMs = 50;
/** An access token for the app with less to live is renewed first. */
const minSecondsForApp = 60;
/** While the provider is known to be down, nobody waits for it. */
const outageMs = 15_000;
/** A refresh of ours goes on without the provider's answer after this: clients do not wait for ever. */
const defaultMaxWaitMs = 5_000;

/** Errors after which the tokens are of no use any more (RFC 6749 section 5.2, OpenID Connect Core section 3.1.2.6). */
const finalErrors = new Set([
  'invalid_grant',
  'invalid_token',
  'interaction_required',
  'login_required',
  'consent_required',
  'bad_refresh_token', // GitHub's word for invalid_grant.
]);

/** Why the login is over; undefined where the provider said nothing of the kind. */
function endOf({ problem }: LoginError): string | undefined {
  if (problem.reason === 'user_refused') return describeLoginProblem(problem);
  if (problem.reason !== 'provider_refused_refresh' || !finalErrors.has(problem.error)) return undefined;
  return describeLoginProblem(problem);
}

export function createProviderSessions(login: ResolvedLogin, options: ProviderSessionsOptions): ProviderSessions {
  const {
    storage,
    vault,
    identities,
    events,
    signInOf,
    now = () => Date.now(),
    maxWaitMs = defaultMaxWaitMs,
  } = options;
  const logins = namedLogins(login);
  const remoteTimeoutMs = Math.max(0, ...logins.map((named) => named.login.remoteTimeoutMs));
  const running = new Map<string, Promise<Confirmation>>();
  const settingsOf = (name: string | undefined) => logins.find(({ id }) => id === name)?.login;
  let isDemanded = false;
  /** By the provider's name. */
  const downUntil = new Map<string | undefined, number>();

  function unconfirmed(kept: KeptTokens, reason: string): Confirmation {
    events.emit({ type: 'identity.unconfirmed', subject: kept.accountId, reason });
    return { kind: 'unconfirmed' };
  }

  async function end(key: string, kept: KeptTokens, reason: string): Promise<Confirmation> {
    await options.endSignIn(key);
    events.emit({ type: 'identity.ended', subject: kept.accountId, reason });
    return { kind: 'ended', reason };
  }

  async function settle(issuer: Issuer, key: string, kept: KeptTokens, answer: Refreshed): Promise<Confirmation> {
    const { identity } = answer;
    if (identity && accountIdOf(identity) !== kept.accountId) {
      return end(key, kept, 'the refresh token is another user’s now');
    }
    // An ID token that came before stays, for what needs one, until a newer one comes.
    const { idToken, idTokenExpiresAt } = kept.tokens;
    const earlier = { ...(idToken && { idToken }), ...(idTokenExpiresAt && { idTokenExpiresAt }) };
    await vault.replace(key, kept, { ...earlier, ...answer.tokens });
    if (identity) await identities.remember(issuer, identity);
    return { kind: 'confirmed' };
  }

  async function ask(issuer: Issuer, key: string, kept: KeptTokens): Promise<Confirmation> {
    const provider = options.identityProvider(kept.provider);
    if (!provider) return unconfirmed(kept, 'the identity provider of the login is gone');
    if (now() < (downUntil.get(kept.provider) ?? 0))
      return unconfirmed(kept, 'the identity provider did not answer a moment ago');
    let answer: Refreshed | undefined;
    try {
      answer = await provider.refresh(kept.tokens);
    } catch (error) {
      if (!(error instanceof LoginError)) throw error;
      return unanswered(key, kept, error);
    }
    if (!answer) return unconfirmed(kept, 'the login brought no refresh token');
    if (!answer.problem) return settle(issuer, key, kept, answer);
    // Else the next question would be asked with a spent refresh token, which ends the login at the provider.
    if (answer.tokens.refreshToken !== kept.tokens.refreshToken) await vault.replace(key, kept, answer.tokens, false);
    return unanswered(key, kept, answer.problem);
  }

  async function unanswered(key: string, kept: KeptTokens, error: LoginError): Promise<Confirmation> {
    const ending = endOf(error);
    if (ending !== undefined) return end(key, kept, ending);
    if (error.problem.reason === 'provider_unreachable') downUntil.set(kept.provider, now() + outageMs);
    return unconfirmed(kept, describeLoginProblem(error.problem));
  }

  /** The lease outlasts every call that its holder makes: discovery, tokens, keys twice, userinfo. */
  async function askUnderLease(issuer: Issuer, key: string, seen: KeptTokens): Promise<Confirmation> {
    const holder = randomUUID();
    const expiresAt = Math.ceil((now() + 5 * remoteTimeoutMs) / 1000) + 5;
    if (!(await storage.create(leaseKind, key, { holder }, { expiresAt }))) return waitForOther(key, seen);
    try {
      const kept = await vault.find(key);
      if (!kept) return { kind: 'ended', reason: 'the login was ended meanwhile' };
      if (kept.version !== seen.version) return askedElsewhere(kept); // Since this request came.
      return await ask(issuer, key, kept);
    } finally {
      const lease = await storage.get(leaseKind, key);
      if (lease?.value.holder === holder) await compareAndDelete(storage, leaseKind, key, lease.version);
    }
  }

  /** What another replica was told. */
  function askedElsewhere(kept: KeptTokens): Confirmation {
    if (kept.isConfirmed === false) return unconfirmed(kept, 'the replica that asked got no answer');
    return { kind: 'confirmed' };
  }

  async function waitForOther(key: string, seen: KeptTokens): Promise<Confirmation> {
    for (const deadline = performance.now() + maxWaitMs; performance.now() < deadline; await pause(pollMs)) {
      if (await storage.get(leaseKind, key)) continue;
      const kept = await vault.find(key);
      if (!kept) return { kind: 'ended', reason: 'the login was ended meanwhile' };
      return askedElsewhere(kept.version === seen.version ? { ...kept, isConfirmed: false } : kept);
    }
    return unconfirmed(seen, 'the replica that asks waits too long');
  }

  /** Requests of this process that ask together share one question. */
  function confirmSignIn(issuer: Issuer, key: string, kept: KeptTokens): Promise<Confirmation> {
    const shared = running.get(key);
    if (shared) return shared;
    const asked = askUnderLease(issuer, key, kept).finally(() => running.delete(key));
    running.set(key, asked);
    return asked;
  }

  /** The question goes on behind a refresh that stopped waiting: tokens that the provider rotates must not be lost. */
  async function inTime(asked: Promise<Confirmation>, kept: KeptTokens): Promise<Confirmation> {
    asked.catch(() => undefined); // Told to whoever still waits.
    const timer = new AbortController();
    const late = pause(maxWaitMs, undefined, { signal: timer.signal }).then(() =>
      unconfirmed(kept, 'the identity provider takes too long'),
    );
    late.catch(() => undefined);
    return Promise.race([asked, late]).finally(() => timer.abort());
  }

  async function keptFor(issuer: Issuer, grantId: string): Promise<{ key: string; kept: KeptTokens } | undefined> {
    const key = await signInOf(issuer, grantId);
    const kept = key === undefined ? undefined : await vault.find(key);
    return key !== undefined && kept ? { key, kept } : undefined;
  }

  return {
    async keep(issuer, signInId, login) {
      const settings = settingsOf(login.provider);
      const isNeeded = isDemanded || settings?.offlineAccess || settings?.identity.exposeTokens;
      if (isNeeded) await vault.keep(signInKey(issuer, signInId), login);
    },
    require() {
      isDemanded = true;
    },

    async confirm(issuer, grantId) {
      const found = await keptFor(issuer, grantId);
      if (!found || !settingsOf(found.kept.provider)?.offlineAccess) return { kind: 'unconfirmed' };
      return inTime(confirmSignIn(issuer, found.key, found.kept), found.kept);
    },

    async forGrant(issuer, grantId, need) {
      const found = await keptFor(issuer, grantId);
      return found && current(issuer, found, need);
    },

    async forApp(issuer, grantId) {
      if (!logins.some((named) => named.login.identity.exposeTokens)) return undefined;
      const found = await keptFor(issuer, grantId);
      if (!found || !settingsOf(found.kept.provider)?.identity.exposeTokens) return undefined;
      return current(issuer, found, { token: 'accessToken', secondsLeft: minSecondsForApp });
    },
  };

  async function current(
    issuer: Issuer,
    { key, kept }: { key: string; kept: KeptTokens },
    { token, secondsLeft }: Parameters<ProviderTokenSource['forGrant']>[2],
  ): Promise<ProviderTokens | undefined> {
    const { tokens } = kept;
    if (livesLonger(tokens, token, secondsLeft) || tokens.refreshToken === undefined) return tokens;
    const { kind } = await confirmSignIn(issuer, key, kept);
    return kind === 'ended' ? undefined : (await vault.find(key))?.tokens;
  }

  function livesLonger(tokens: ProviderTokens, token: 'idToken' | 'accessToken', secondsLeft: number): boolean {
    const expiresAt = token === 'idToken' ? tokens.idTokenExpiresAt : tokens.accessTokenExpiresAt;
    const isThere = tokens[token] !== undefined;
    return isThere && (expiresAt === undefined || expiresAt - now() / 1000 > secondsLeft);
  }
}
