import { parseJsonRpc } from '../shared/json-rpc.ts';
import type { TraceContext } from '../shared/telemetry.ts';

/** Names that MCP's `_meta` has for W3C Trace Context (SEP-414). */
const names = ['traceparent', 'tracestate'] as const;

/** A JSON-RPC request or notification: what has a method, and a place for `_meta`. */
export interface TracedMessage {
  readonly method: string;
  readonly id?: unknown;
  readonly params?: Readonly<Record<string, unknown>> & { readonly _meta?: Readonly<Record<string, unknown>> };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The message in a body, where there is one and every parser reads the same; of a batch none. */
export function readTracedMessage(body: Buffer): TracedMessage | undefined {
  const value = parseJsonRpc(body)?.value;
  if (!isObject(value) || typeof value.method !== 'string') return undefined;
  const { params } = value;
  if (params !== undefined && (!isObject(params) || (params._meta !== undefined && !isObject(params._meta)))) {
    return undefined;
  }
  return value as unknown as TracedMessage;
}

/** The trace context that a message carries. */
export function traceContextOf({ params }: TracedMessage): TraceContext | undefined {
  const { traceparent, tracestate } = params?._meta ?? {};
  if (typeof traceparent !== 'string') return undefined;
  return { traceparent, ...(typeof tracestate === 'string' && { tracestate }) };
}

/** Strings, with the colon where they name a member, and brackets. */
const tokens = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/gs;

interface Places {
  /** Behind the opening brackets of the message, of `params` and of `_meta`. */
  message: number;
  params?: number;
  meta?: number;
  /** From and to of string values in `_meta`. */
  readonly values: Partial<Record<string, readonly [number, number]>>;
}

/** Where things stand in the text of a message. */
function findPlaces(text: string): Places {
  const places: Places = { message: 0, values: {} };
  const path: string[] = [];
  let member = '';
  for (const match of text.matchAll(tokens)) {
    const [token, string, colon] = match;
    const end = match.index + token.length;
    if (token === '{' || token === '[') {
      path.push(member);
      if (path.length === 1) places.message = end;
      else if (path.length === 2 && member === 'params') places.params = end;
      else if (path.length === 3 && path[1] === 'params' && member === '_meta') places.meta = end;
      member = '';
    } else if (string === undefined) path.pop();
    else if (colon !== undefined) member = JSON.parse(string) as string;
    else if (path.length === 3 && path[1] === 'params' && path[2] === '_meta')
      places.values[member] = [match.index, end];
  }
  return places;
}

/**
 * A message with the trace context in `params._meta`, in place of what the client sent there. Nothing else of its text
 * changes: numbers, order and spelling stay the client's.
 * @param body what {@link readTracedMessage} read `message` from
 */
export function withTraceMeta(body: Buffer, message: TracedMessage, context: TraceContext): Buffer {
  if (context.traceparent === undefined) return body;
  const text = body.toString('utf8');
  const { message: start, params, meta, values } = findPlaces(text);
  const sent = message.params?._meta ?? {};
  const edits: { from: number; to: number; text: string }[] = [];
  const added: string[] = [];
  for (const name of names) {
    const value = context[name];
    const place = values[name];
    // The state belongs to its parent: with another parent it is not left behind (W3C Trace Context section 3.3).
    if (place) edits.push({ from: place[0], to: place[1], text: JSON.stringify(value ?? '') });
    else if (value !== undefined && !Object.hasOwn(sent, name)) added.push(`"${name}":${JSON.stringify(value)}`);
  }
  const insert = (at: number, inserted: string, isAlone: boolean) =>
    edits.push({ from: at, to: at, text: isAlone ? inserted : `${inserted},` });
  if (added.length > 0) {
    const members = added.join();
    if (meta !== undefined) insert(meta, members, Object.keys(sent).length === 0);
    else if (params !== undefined)
      insert(params, `"_meta":{${members}}`, Object.keys(message.params ?? {}).length === 0);
    else insert(start, `"params":{"_meta":{${members}}}`, false);
  }
  let changed = text;
  for (const { from, to, text: inserted } of edits.sort((one, other) => other.from - one.from)) {
    changed = changed.slice(0, from) + inserted + changed.slice(to);
  }
  return Buffer.from(changed);
}
