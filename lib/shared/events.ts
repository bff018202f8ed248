import { EventEmitter } from 'node:events';
import { joinFlow } from './flow-id.ts';

/**
 * How a decision went. `allowed`: somebody got what they asked for. `refused`: they did not, by a rule. `failed`: nothing
 * could be decided, or something could not be reached. `noted`: nothing was asked for.
 */
export type McpOAuthEventOutcome = 'allowed' | 'refused' | 'failed' | 'noted';

/** What every event carries. `reason` is exact and for operators only; the wire stays vague. */
interface EventBase {
  /** UNIX milliseconds. */
  readonly at: number;
  /** The same for every event of a type. */
  readonly outcome: McpOAuthEventOutcome;
  /** Joins the steps of one authorization, from the authorize request to its tokens and their use. Answers carry it, too. */
  readonly flowId?: string;
  /** Flow id of what the same caller did before the authorization: its discovery and registration. */
  readonly discoveryId?: string;
  /** The actor, as far as it is known: the client, as it calls itself, even where it proved nothing. */
  readonly clientId?: string;
  /** The actor, as far as it is known: the person's account here, one for each user of each identity provider. */
  readonly subject?: string;
  /** Canonical resource URL. */
  readonly resource?: string;
  /** Stable for a given cause; may end in details after a colon. Never holds a token, code, secret or URL query. */
  readonly reason?: string;
}

/** An upstream by its id, and the account that a connection belongs to. */
interface UpstreamMembers {
  /** Its `id`. */
  readonly upstream: string;
  readonly subject: string;
}

/** Each event type with the members it adds. Later versions add types; they do not rename them. */
export interface EventMembers {
  /** A client registered itself (RFC 7591). */
  'client.registered': { readonly redirectHosts: readonly string[] };
  /** A registration was refused. */
  'client.refused': { readonly reason: string };
  /** A metadata document or key set of a client was fetched. */
  'cimd.fetched': { readonly host: string };
  /** It was not: the address, the answer or the budget. Every attempt that fails says so. */
  'cimd.refused': { readonly host: string; readonly reason: string };
  /** An authorization request was sound; a page or a login follows. */
  'authorization.started': object;
  /** An authorization request, or a form of its pages, ended without a code. */
  'authorization.refused': { readonly reason: string };
  /** The person allowed the client. `isRemembered`: they were not asked this time. */
  'consent.granted': { readonly subject: string; readonly isRemembered?: true };
  /** The person said no. */
  'consent.denied': object;
  /** The person approved the client, and the browser leaves for the sign-in. */
  'login.started': object;
  /** The identity provider, or the app's own login, named the person; `sub` is what it calls them. */
  'login.succeeded': { readonly subject: string; readonly identityIssuer: string; readonly sub: string };
  /** It did not, or what it sent is not to be believed. */
  'login.failed': { readonly reason: string };
  /** Browser sessions ended, and grants that were made in them. `subject` where it is one account. */
  'session.ended': {
    readonly reason: string;
    readonly sessions: number;
    readonly grants: number;
  };
  /** A sign-out, also one that the identity provider sent, was not carried out. */
  'logout.refused': { readonly reason: string };
  /** An assertion of an identity provider passed every check and is used up. Refused ones are `token.refused`. */
  'id_jag.accepted': { readonly subject: string; readonly identityIssuer: string; readonly sub: string };
  /** `authorizeUser` refused somebody who signed in, or failed. */
  'user.refused': { readonly subject: string; readonly reason: string };
  /** The identity provider could not be asked at a refresh: roles and claims stay as they were. */
  'identity.unconfirmed': { readonly subject: string; readonly reason: string };
  /** The identity provider ended a login: the user was disabled there, or has to sign in again. */
  'identity.ended': { readonly subject: string; readonly reason: string };
  /** An access token was issued. */
  'token.issued': { readonly grantType: string };
  /** A request to the token, revocation or introspection endpoint was refused. */
  'token.refused': { readonly reason: string };
  /** A refresh token came again within its grace, and got the same successor. */
  'token.replayed': object;
  /** Grants ended, with all their tokens. */
  'token.revoked': { readonly grants: number };
  /** A code or refresh token came again: the grant has ended. */
  'token.reuse_detected': { readonly reason: string };
  /** A request to a resource got no further: no token, a wrong one, a missing scope, Host or Origin. */
  'resource.refused': { readonly reason: string; readonly status: number };
  /** The first call under a grant that this process let through. */
  'resource.admitted': { readonly subject: string };
  /** Decisions of the capability filter and of `authorize`, one for each JSON-RPC request or notification. */
  'call.allowed': { readonly method: string; readonly name?: string; readonly subject: string };
  /** A call was refused: hidden from this caller, not allowed, or malformed. */
  'call.refused': {
    readonly method: string;
    readonly name?: string;
    readonly subject: string;
    readonly reason: string;
  };
  /** A list of the upstream lost items that the caller may not see. */
  'capabilities.filtered': { readonly kind: string; readonly hidden: number; readonly subject: string };
  /** The upstream MCP server gave no answer that could be passed on. */
  'proxy.failed': { readonly reason: string; readonly status: number };
  /** A call needs a connection that its user has not made, or that has ended. */
  'upstream.connect_required': UpstreamMembers;
  /** A person connected an account at an upstream. */
  'upstream.connected': UpstreamMembers;
  /** A connection came to nothing: another account, a stale link, or the upstream's refusal. */
  'upstream.connect_refused': { readonly upstream?: string; readonly reason: string };
  /** The upstream's authorization server ended a grant: its user has to connect again. */
  'upstream.connection_ended': UpstreamMembers & { readonly reason: string };
  /** A person ended a connection. */
  'upstream.disconnected': UpstreamMembers;
  /** A token cannot be renewed now; nothing is lost. */
  'upstream.unavailable': UpstreamMembers & { readonly reason: string };
  /** An operator did something in `auth.admin()`; `actor` is who the guard says. */
  'admin.acted': {
    readonly actor: string;
    readonly act:
      | 'block.added'
      | 'block.removed'
      | 'client.removed'
      | 'connection.ended'
      | 'grant.ended'
      | 'keys.rotated'
      | 'user.revoked';
    readonly target?: string;
  };
  /** Somebody was refused there: by the guard, or because a page elsewhere may have sent the request. */
  'admin.refused': { readonly actor?: string; readonly reason: string };
  /** The store did not answer; the request got 503. */
  'storage.unavailable': { readonly reason: string };
  /** The trusted authorization server of a resource server that stands alone gave no answer that could be used. */
  'issuer.unavailable': { readonly reason: string };
  /** A defect, here or in a callback of the application; the request got 500. */
  'server.error': { readonly reason: string };
  /** The configuration works, but is dangerous or cannot last. */
  'configuration.warning': { readonly reason: string; readonly code: string };
}

/** Name of an event. */
export type McpOAuthEventType = keyof EventMembers;

/** The typed union: narrow by `type`. */
export type McpOAuthEvent = {
  [Type in McpOAuthEventType]: { readonly type: Type } & EventBase & EventMembers[Type];
}[McpOAuthEventType];

type NewEvent = McpOAuthEvent extends infer Event
  ? Event extends McpOAuthEvent
    ? Omit<Event, 'at' | 'outcome'>
    : never
  : never;

/** Who asks for what, in which flow: what events of one request have in common. */
export type EventContext = Partial<Pick<EventBase, 'flowId' | 'clientId' | 'subject' | 'resource'>>;

/** Few are named again and again. */
const resourceMembers = new Map<string, Pick<EventContext, 'resource'>>();
const maxResourceMembers = 100;

/** A resource as a client named it, fit for an event: a URL without a query, of bounded length. */
export function resourceMember(named: unknown): Pick<EventContext, 'resource'> {
  if (typeof named !== 'string' || named.length > 2048) return {};
  const known = resourceMembers.get(named);
  if (known) return known;
  const url = URL.parse(named);
  const member = url ? { resource: `${url.origin === 'null' ? url.protocol : url.origin}${url.pathname}` } : {};
  if (resourceMembers.size >= maxResourceMembers) resourceMembers.clear();
  resourceMembers.set(named, member);
  return member;
}

/** Receives the events of one type, or with `'*'` every event. */
export type McpOAuthListener<Type extends McpOAuthEventType | '*'> = (
  event: Type extends McpOAuthEventType ? Extract<McpOAuthEvent, { type: Type }> : McpOAuthEvent,
) => void;

/** Subscribe to one type, or to `'*'` for all. A listener that throws does not disturb the request. */
export interface McpOAuthEvents {
  on<Type extends McpOAuthEventType | '*'>(type: Type, listener: McpOAuthListener<Type>): void;
  off<Type extends McpOAuthEventType | '*'>(type: Type, listener: McpOAuthListener<Type>): void;
}

/** Where events go as text. Each method gets a sentence-free message and the event's members. */
export interface Logger {
  debug(message: string, details?: object): void;
  info(message: string, details?: object): void;
  warn(message: string, details?: object): void;
  error(message: string, details?: object): void;
}

export interface EventSink extends McpOAuthEvents {
  emit(event: NewEvent): void;
}

/** Of each type, how a decision went and where its line is logged. */
export const eventTraits: {
  readonly [Type in McpOAuthEventType]: readonly [McpOAuthEventOutcome, keyof Logger];
} = {
  'client.registered': ['allowed', 'info'],
  'client.refused': ['refused', 'warn'],
  'cimd.fetched': ['noted', 'debug'],
  'cimd.refused': ['refused', 'warn'],
  'authorization.started': ['noted', 'debug'],
  'authorization.refused': ['refused', 'warn'],
  'consent.granted': ['allowed', 'info'],
  'consent.denied': ['refused', 'info'],
  'login.started': ['noted', 'debug'],
  'login.succeeded': ['allowed', 'info'],
  'login.failed': ['refused', 'warn'],
  'session.ended': ['noted', 'info'],
  'logout.refused': ['refused', 'warn'],
  'id_jag.accepted': ['allowed', 'info'],
  'user.refused': ['refused', 'warn'],
  'identity.unconfirmed': ['failed', 'warn'],
  'identity.ended': ['noted', 'info'],
  'token.issued': ['allowed', 'info'],
  'token.refused': ['refused', 'warn'],
  'token.replayed': ['allowed', 'info'],
  'token.revoked': ['noted', 'info'],
  'token.reuse_detected': ['refused', 'warn'],
  'resource.refused': ['refused', 'info'],
  'resource.admitted': ['allowed', 'info'],
  'call.allowed': ['allowed', 'debug'],
  'call.refused': ['refused', 'info'],
  'capabilities.filtered': ['noted', 'debug'],
  'proxy.failed': ['failed', 'warn'],
  'upstream.connect_required': ['refused', 'info'],
  'upstream.connected': ['allowed', 'info'],
  'upstream.connect_refused': ['refused', 'warn'],
  'upstream.connection_ended': ['noted', 'warn'],
  'upstream.disconnected': ['noted', 'info'],
  'upstream.unavailable': ['failed', 'warn'],
  'admin.acted': ['allowed', 'warn'],
  'admin.refused': ['refused', 'warn'],
  'storage.unavailable': ['failed', 'error'],
  'issuer.unavailable': ['failed', 'error'],
  'server.error': ['failed', 'error'],
  'configuration.warning': ['noted', 'warn'],
};

/**
 * Calls the application's code: that a listener or a log target fails, now or in a promise that nobody holds, must neither
 * turn into a failed login nor end the process.
 */
function undisturbed(call: () => unknown): void {
  try {
    Promise.resolve(call()).catch(() => undefined);
  } catch {}
}

/** Events to listeners and, as text, to the logger. Nothing here may throw into a request. */
export function createEvents(
  logger: Logger | undefined,
  now: () => number = Date.now,
  observe?: (event: McpOAuthEvent) => void,
): EventSink {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);

  function deliver(name: string, event: McpOAuthEvent): void {
    for (const listener of emitter.listeners(name)) undisturbed(() => listener(event));
  }

  /** A warning is told on stderr where nobody listens. */
  function isHeard(type: McpOAuthEventType): boolean {
    return (
      logger !== undefined ||
      observe !== undefined ||
      type === 'configuration.warning' ||
      emitter.listenerCount(type) > 0 ||
      emitter.listenerCount('*') > 0
    );
  }

  return {
    on: (type, listener) => void emitter.on(type, listener),
    off: (type, listener) => void emitter.off(type, listener),
    emit(partial) {
      if (!isHeard(partial.type)) return void joinFlow(partial.flowId);
      const [outcome, level] = eventTraits[partial.type];
      const event = { ...partial, ...joinFlow(partial.flowId), outcome, at: now() } as McpOAuthEvent;
      if (observe) undisturbed(() => observe(event));
      deliver(event.type, event);
      deliver('*', event);
      if (logger) {
        const { type, at: _, ...details } = event;
        undisturbed(() => logger[level](type, details));
      } else if (
        event.type === 'configuration.warning' &&
        !emitter.listenerCount('*') &&
        !emitter.listenerCount(event.type)
      ) {
        process.emitWarning(event.reason, { type: 'McpOAuthWarning', code: event.code });
      }
    },
  };
}
