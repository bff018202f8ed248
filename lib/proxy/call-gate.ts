import type { IncomingMessage } from 'node:http';
import { type Caller, callContext, callerOf } from '../shared/caller.ts';
import type { EventContext, EventSink } from '../shared/events.ts';
import { accountIdOf } from '../shared/identity.ts';
import { parseJsonRpc } from '../shared/json-rpc.ts';
import type { Operation } from '../shared/operation.ts';
import { operationsOf } from '../shared/request-operations.ts';
import { type VisibleCapabilities, visibleCapabilities } from './capabilities.ts';
import { createMessageFilter } from './message-filter.ts';
import { targetsOf } from './operation-targets.ts';
import type { Call, ForwardingOptions } from './proxy-options.ts';
import { requireCapabilities } from './resolve-proxy-options.ts';

/** The answer to a request that the upstream never sees. */
export interface Refused {
  readonly status: number;
  readonly body: unknown;
}

/** What becomes of a request. */
export type Verdict =
  /** It may go to the upstream; `filter` reads what comes back. With `instead`, only the credentials may answer it. */
  | { readonly kind: 'pass'; readonly filter?: ReturnType<typeof createMessageFilter>; readonly instead?: Refused }
  | ({ readonly kind: 'refused' } & Refused);

/** Decides on the calls of one route. */
export interface CallGate {
  /** @param body of a POST; undefined for other methods */
  decide(req: IncomingMessage, body: Buffer | undefined): Promise<Verdict>;
}

export interface CallGateOptions extends Pick<ForwardingOptions, 'capabilities' | 'authorize'> {
  readonly events: EventSink;
  /** Tools that the credentials answer themselves, such as the one with the link to connect: they are nobody's to hide. */
  readonly ownTools?: readonly string[] | undefined;
}

type Refusal = 'hidden' | 'not_authorized' | 'malformed';

interface RefusedCall {
  readonly operation: Operation;
  readonly refusal: Refusal;
}

/** A hidden thing is one that does not exist; nothing about it is told. */
const errors: { readonly [Reason in Refusal]: { readonly code: number; readonly message: string } } = {
  hidden: { code: -32601, message: 'not found' },
  not_authorized: { code: -32602, message: 'this call is not allowed' },
  malformed: { code: -32602, message: 'the parameters are malformed' },
};

function errorFor(message: unknown, error: { readonly code: number; readonly message: string }): object {
  const { id } = (message ?? {}) as { readonly id?: unknown };
  return { jsonrpc: '2.0', id: typeof id === 'string' || typeof id === 'number' ? id : null, error };
}

/** The answer to a request of which something is refused: nothing of a batch goes on then. */
function refusalAnswer(operations: readonly Operation[], refused: readonly RefusedCall[], isBatch: boolean): Refused {
  const answers = operations
    .filter(({ id }) => id !== undefined)
    .map((operation) => {
      const found = refused.find((call) => call.operation === operation);
      const error = found
        ? errors[found.refusal]
        : { code: -32600, message: 'not run: another call of the batch is refused' };
      return errorFor(operation, error);
    });
  const [only = errorFor(undefined, errors[refused[0]?.refusal ?? 'hidden'])] = answers;
  // Nobody waits for the answer to a notification; its refusal must be an HTTP error (MCP 2026-07-28, Sending Messages).
  const status = answers.length === 0 ? 400 : 200;
  return { status, body: isBatch && answers.length > 0 ? answers : only };
}

/** A name for events: of a URI without its query, and not longer than one can read. */
function eventName(name: string): string {
  return (/^[a-z][a-z0-9+.-]*:/i.test(name) ? name.replace(/[?#].*$/s, '') : name).slice(0, 200);
}

function toCall({ method, name, params }: Operation, caller: Caller): Call {
  const given = params?.arguments;
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  return {
    method,
    ...(name !== undefined && { name }),
    ...(isObject && { arguments: given as Readonly<Record<string, unknown>> }),
    ...caller,
  };
}

/** The capability filter and the `authorize` hook of a route; undefined where it has neither. */
export function createCallGate({
  capabilities,
  authorize,
  events,
  ownTools = [],
}: CallGateOptions): CallGate | undefined {
  if (capabilities === undefined && authorize === undefined) return undefined;

  async function visibleTo({ identity, client }: Caller): Promise<VisibleCapabilities | undefined> {
    if (capabilities === undefined) return undefined;
    const given =
      typeof capabilities === 'function' ? requireCapabilities(await capabilities(identity, client)) : capabilities;
    return visibleCapabilities(given, identity.roles);
  }

  async function refusalOf(
    operation: Operation,
    caller: Caller,
    visible: VisibleCapabilities | undefined,
  ): Promise<Refusal | undefined> {
    if (visible) {
      const targets = targetsOf(operation);
      if (targets === 'malformed') return 'malformed';
      if (!isOwn(operation) && !targets.every(({ kind, name }) => visible.shows(kind, name))) return 'hidden';
    }
    if (authorize === undefined) return undefined;
    return (await authorize(toCall(operation, caller))) === true ? undefined : 'not_authorized';
  }

  const isOwn = ({ method, name = '' }: Operation) => method === 'tools/call' && ownTools.includes(name);

  async function decideOperations(
    operations: readonly Operation[],
    caller: Caller,
    context: EventContext & { readonly subject: string },
    visible: VisibleCapabilities | undefined,
  ): Promise<RefusedCall[]> {
    const refused: RefusedCall[] = [];
    for (const operation of operations) {
      const refusal = await refusalOf(operation, caller, visible);
      const { method, name } = operation;
      const what = {
        ...context,
        method: eventName(method),
        ...(name !== undefined && { name: eventName(name) }),
      };
      if (refusal === undefined) events.emit({ type: 'call.allowed', ...what });
      else {
        refused.push({ operation, refusal });
        events.emit({ type: 'call.refused', ...what, reason: refusal });
      }
    }
    return refused;
  }

  return {
    async decide(req, body) {
      const caller = callerOf(req);
      const context = { ...callContext(req), subject: accountIdOf(caller.identity) };
      const visible = await visibleTo(caller);
      const onHidden = (kind: string, hidden: number) =>
        events.emit({ type: 'capabilities.filtered', ...context, kind, hidden });
      const pass = { kind: 'pass' as const, ...(visible && { filter: createMessageFilter(visible, onHidden) }) };
      if (body === undefined) return pass;
      const parsed = parseJsonRpc(body);
      const operations = operationsOf(req, parsed);
      if (!Array.isArray(operations)) {
        const { status, code, message } = operations;
        events.emit({ type: 'call.refused', ...context, method: '', reason: message });
        return { kind: 'refused', status, body: errorFor(parsed?.value, { code, message }) };
      }
      const refused = await decideOperations(operations, caller, context, visible);
      const isBatch = Array.isArray(parsed?.value);
      if (refused.length > 0) return { kind: 'refused', ...refusalAnswer(operations, refused, isBatch) };
      // An upstream's tool of the same name is as hidden as others.
      const own = operations.filter((operation) => isOwn(operation) && !visible?.shows('tools', operation.name ?? ''));
      if (!visible || own.length === 0) return pass;
      const hidden = own.map((operation) => ({ operation, refusal: 'hidden' as const }));
      return { ...pass, instead: refusalAnswer(operations, hidden, isBatch) };
    },
  };
}
