import { endpointUrl } from '../shared/endpoint-paths.ts';
import { type Endpoint, type Exchange, redirect } from '../shared/http.ts';
import { withNotConnected } from '../shared/pages/upstream-list.ts';
import type { ConnectRefusals } from './connect-refusal.ts';
import { createBrowserRecords } from './connect-states.ts';
import type { ConnectableUpstream, ConnectOptions } from './connectable-upstream.ts';
import type { PendingAuthorization } from './oauth-client.ts';
import type { AuthorizableUpstream } from './offered-upstreams.ts';
import { redirectUriOf } from './redirect-uri.ts';
import { describeUpstreamProblem, UpstreamError } from './upstream-problem.ts';

interface ConnectState extends PendingAuthorization {
  readonly account: string;
  readonly upstream: string;
  /** Account of the session that the browser had when it left. */
  readonly session?: string;
  /** The page of ours that waits, path and query after the issuer's prefix. */
  readonly returnTo?: string;
}

/** Whom a browser connects an upstream for. */
export interface Departure {
  readonly account: string;
  /** Scopes besides the usual ones. */
  readonly scopes?: readonly string[];
  /** The page of ours to which the browser comes back, whatever came of it; without one a page says what did. */
  readonly returnTo?: string;
  /** Asked once the way out is known. @returns false where the right to go was used meanwhile */
  readonly mayLeave?: () => Promise<boolean>;
}

/** A browser's way to an upstream's authorization server and back. */
export interface ConnectJourney {
  leave(exchange: Exchange, upstream: AuthorizableUpstream, departure: Departure): Promise<void>;
  /** The redirect URI of an upstream. */
  readonly callback: Endpoint;
}

const stateSeconds = 900;
const maxCallbackLength = 8 * 1024;

export function createConnectJourney(options: ConnectOptions, refusals: ConnectRefusals): ConnectJourney {
  const { events, pages, identities, vault, paths } = options;
  const states = createBrowserRecords<ConnectState>('ConnectState', options.storage, options.keyRing);

  const goBack = ({ res, issuer }: Exchange, returnTo: string) => redirect(res, endpointUrl(issuer, returnTo));

  /** Where a page waits, it says so and offers it again; else the page of the refusal. */
  function failed(exchange: Exchange, upstream: ConnectableUpstream, error: unknown, returnTo?: string): void {
    if (returnTo === undefined || !(error instanceof UpstreamError)) {
      return refusals.notConnected(exchange, upstream, error);
    }
    const reason = describeUpstreamProblem(error.problem);
    events.emit({ type: 'upstream.connect_refused', reason, upstream: upstream.id });
    goBack(exchange, withNotConnected(returnTo, upstream.id));
  }

  /**
   * Whether the person at the browser is still the one who left: nobody gives their account at an upstream to somebody whose
   * page was left open. A browser that had no session may have got one of that person meanwhile.
   */
  async function whoIsThere(
    exchange: Exchange,
    { account, session }: ConnectState,
  ): Promise<'same' | 'nobody' | 'other'> {
    const present = await options.sessionAccount(exchange);
    if (present === session || (present === account && session !== account)) return 'same';
    return present === undefined ? 'nobody' : 'other';
  }

  return {
    async leave(exchange, upstream, { account, scopes = [], returnTo, mayLeave }) {
      try {
        const { url, pending } = await upstream.client.begin(exchange.issuer, scopes);
        if (mayLeave && !(await mayLeave())) {
          return refusals.refuse(exchange, 'linkExpired', 'link: used or expired', upstream);
        }
        const session = await options.sessionAccount(exchange);
        const state: ConnectState = {
          ...pending,
          account,
          upstream: upstream.id,
          ...(session !== undefined && { session }),
          ...(returnTo !== undefined && { returnTo }),
        };
        const location = new URL(url);
        location.searchParams.set('state', await states.begin(exchange, state, stateSeconds));
        redirect(exchange.res, location.href);
      } catch (error) {
        failed(exchange, upstream, error, returnTo);
      }
    },

    async callback(exchange) {
      if (!refusals.allow(exchange, 'GET')) return;
      const { searchParams, search } = exchange.url;
      const isRepeated = ['state', 'code', 'error', 'iss'].some((name) => searchParams.getAll(name).length > 1);
      const name = isRepeated || search.length > maxCallbackLength ? null : searchParams.get('state');
      const begun = await states.peek(exchange, name);
      // A code that came to another upstream's redirect URI is that upstream's (RFC 9700 section 4.4).
      if (begun && !exchange.path.endsWith(`/${begun.upstream}`)) {
        return refusals.refuse(exchange, 'linkExpired', 'callback: of another upstream');
      }
      const state = begun && (await states.take(exchange, name));
      const upstream = state && options.find(state.upstream);
      if (!state || !upstream?.client) {
        return refusals.refuse(exchange, 'linkExpired', 'callback: no connection that this browser began');
      }
      const who = await whoIsThere(exchange, state);
      if (who !== 'same') {
        const refusal = who === 'nobody' ? 'linkExpired' : 'linkOfAnother';
        return refusals.refuse(exchange, refusal, `callback: ${who} is signed in now`, upstream);
      }
      const identity = await identities.find(exchange.issuer, state.account);
      if (!identity || !upstream.mayConnect(identity)) {
        return refusals.refuse(exchange, 'linkOfAnother', 'callback: this account may not connect', upstream);
      }
      try {
        // As the redirect URI spells it: token requests repeat that string exactly.
        const callback = new URL(redirectUriOf(exchange.issuer, paths, upstream.id));
        callback.search = search;
        const tokens = await upstream.client.redeem(exchange.issuer, callback, name as string, state);
        await vault.put(upstream.keyOf(exchange.issuer, state.account), tokens);
      } catch (error) {
        return failed(exchange, upstream, error, state.returnTo);
      }
      events.emit({ type: 'upstream.connected', upstream: upstream.id, subject: state.account });
      if (state.returnTo !== undefined) return goBack(exchange, state.returnTo);
      pages.send(exchange, 'connected', { upstreamName: upstream.displayName });
    },
  };
}
