import { EventEmitter } from 'node:events';

/** What every event carries. `reason` is exact and for operators only; the wire stays vague. */
interface EventBase {
  /** UNIX milliseconds. */
  readonly at: number;
  /** Joins the steps of one authorization, from the authorize request to its tokens. */
  readonly flowId?: string;
  readonly clientId?: string;
  /** Canonical resource URL. */
  readonly resource?: string;
  /** Stable for a given cause; may end in details after a colon. Never holds a token, code, secret or URL query. */
  readonly reason?: string;
}

/** An upstream by its id, and the account that a connection belongs to. */
interface UpstreamMembers {
  readonly upstream: string;
  readonly subject: string;
}

/** Each event type with the members it adds. Later versions add types; they do not rename them. */
export interface EventMembers {
  'client.registered': { readonly redirectHosts: readonly string[] };
  'client.refused': { readonly reason: string };
  'cimd.fetched': { readonly host: string };
  'cimd.refused': { readonly host: string; readonly reason: string };
  'authorization.refused': { readonly reason: string };
  /** `isRemembered`: the person was not asked this time. */
  'consent.granted': { readonly subject: string; readonly isRemembered?: true };
  'consent.denied': object;
  'login.started': object;
  'login.succeeded': { readonly subject: string; readonly identityIssuer: string };
  'login.failed': { readonly reason: string };
  /** Browser sessions ended, and grants that were made in them. `subject` is the account, where it is one. */
  'session.ended': {
    readonly reason: string;
    readonly sessions: number;
    readonly grants: number;
    readonly subject?: string;
  };
  'logout.refused': { readonly reason: string };
  /** An assertion of an identity provider passed every check and is used up. Refused ones are `token.refused`. */
  'id_jag.accepted': { readonly subject: string; readonly identityIssuer: string };
  /** `authorizeUser` refused somebody who signed in, or failed. */
  'user.refused': { readonly subject: string; readonly reason: string };
  /** The identity provider could not be asked at a refresh: roles and claims stay as they were. */
  'identity.unconfirmed': { readonly subject: string; readonly reason: string };
  /** The identity provider ended a login: the user was disabled there, or has to sign in again. */
  'identity.ended': { readonly subject: string; readonly reason: string };
  'token.issued': { readonly grantType: string };
  'token.refused': { readonly reason: string };
  'token.replayed': object;
  'token.revoked': { readonly grants: number };
  'token.reuse_detected': { readonly reason: string };
  'resource.refused': { readonly reason: string; readonly status: number };
  /** Decisions of the capability filter and of `authorize`, one for each JSON-RPC request or notification. */
  'call.allowed': { readonly method: string; readonly name?: string; readonly subject: string };
  'call.refused': {
    readonly method: string;
    readonly name?: string;
    readonly subject: string;
    readonly reason: string;
  };
  /** A list of the upstream lost items that the caller may not see. */
  'capabilities.filtered': { readonly kind: string; readonly hidden: number; readonly subject: string };
  'proxy.failed': { readonly reason: string; readonly status: number };
  /** A call needs a connection that its user has not made, or that has ended. */
  'upstream.connect_required': UpstreamMembers;
  'upstream.connected': UpstreamMembers;
  /** A connection came to nothing: another account, a stale link, or the upstream's refusal. */
  'upstream.connect_refused': { readonly upstream?: string; readonly reason: string };
  /** The upstream's authorization server ended a grant: its user has to connect again. */
  'upstream.connection_ended': UpstreamMembers & { readonly reason: string };
  'upstream.disconnected': UpstreamMembers;
  /** A token cannot be renewed now; nothing is lost. */
  'upstream.unavailable': UpstreamMembers & { readonly reason: string };
  'storage.unavailable': { readonly reason: string };
  /** The trusted authorization server of a resource server that stands alone gave no answer that could be used. */
  'issuer.unavailable': { readonly reason: string };
  'server.error': { readonly reason: string };
  'configuration.warning': { readonly reason: string; readonly code: string };
}

/** Name of an event. */
export type McpOAuthEventType = keyof EventMembers;

/** The typed union: narrow by `type`. */
export type McpOAuthEvent = {
  [Type in McpOAuthEventType]: { readonly type: Type } & EventBase & EventMembers[Type];
}[McpOAuthEventType];

type NewEvent = McpOAuthEvent extends infer Event ? (Event extends McpOAuthEvent ? Omit<Event, 'at'> : never) : never;

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

const levels: { readonly [Type in McpOAuthEventType]: keyof Logger } = {
  'client.registered': 'info',
  'client.refused': 'warn',
  'cimd.fetched': 'debug',
  'cimd.refused': 'warn',
  'authorization.refused': 'warn',
  'consent.granted': 'info',
  'consent.denied': 'info',
  'login.started': 'debug',
  'login.succeeded': 'info',
  'login.failed': 'warn',
  'session.ended': 'info',
  'logout.refused': 'warn',
  'id_jag.accepted': 'info',
  'user.refused': 'warn',
  'identity.unconfirmed': 'warn',
  'identity.ended': 'info',
  'token.issued': 'info',
  'token.refused': 'warn',
  'token.replayed': 'info',
  'token.revoked': 'info',
  'token.reuse_detected': 'warn',
  'resource.refused': 'info',
  'call.allowed': 'debug',
  'call.refused': 'info',
  'capabilities.filtered': 'debug',
  'proxy.failed': 'warn',
  'upstream.connect_required': 'info',
  'upstream.connected': 'info',
  'upstream.connect_refused': 'warn',
  'upstream.connection_ended': 'warn',
  'upstream.disconnected': 'info',
  'upstream.unavailable': 'warn',
  'storage.unavailable': 'error',
  'issuer.unavailable': 'error',
  'server.error': 'error',
  'configuration.warning': 'warn',
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
export function createEvents(logger: Logger | undefined, now: () => number = Date.now): EventSink {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);

  function deliver(name: string, event: McpOAuthEvent): void {
    for (const listener of emitter.listeners(name)) undisturbed(() => listener(event));
  }

  return {
    on: (type, listener) => void emitter.on(type, listener),
    off: (type, listener) => void emitter.off(type, listener),
    emit(partial) {
      const event = { ...partial, at: now() } as McpOAuthEvent;
      deliver(event.type, event);
      deliver('*', event);
      if (logger) {
        const { type, at: _, ...details } = event;
        undisturbed(() => logger[levels[type]](type, details));
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
