import type { IncomingMessage } from 'node:http';

/** One JSON-RPC request or notification of MCP, as far as access is decided by it. */
export interface Operation {
  readonly method: string;
  /** Name of the tool or prompt, URI of the resource or id of the task, where the method has one. */
  readonly name?: string;
  /** Absent in a notification, and where only headers were read. */
  readonly id?: unknown;
  /** Absent where only headers were read. */
  readonly params?: Readonly<Record<string, unknown>>;
}

export type OperationProblem = 'not_json' | 'not_json_rpc' | 'header_mismatch';

/** First revision whose servers must compare headers and body (MCP 2026-07-28, Streamable HTTP, Server Validation). */
const headerRevision = '2026-07-28';

/** Which member of `params` names the thing a method is about. */
const nameMembers: { readonly [method: string]: string } = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'resources/subscribe': 'uri',
  'resources/unsubscribe': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};

/** Methods that mean nothing without a name; others without one are their server's to refuse. */
const needsName = new Set(['tools/call', 'prompts/get', 'resources/read']);

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A header value that may be in the `=?base64?…?=` form. @returns undefined where that is malformed */
export function decodeHeaderValue(value: string): string | undefined {
  const encoded = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value.startsWith('=?') ? undefined : value;
  const bytes = Buffer.from(encoded, 'base64');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function toOperation(message: unknown): Operation | undefined | 'not_json_rpc' {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return 'not_json_rpc';
  const { method, id, params } = message as { method?: unknown; id?: unknown; params?: unknown };
  if (method === undefined) return undefined; // A response: it needs no more than the route.
  if (typeof method !== 'string') return 'not_json_rpc';
  const member = Object.hasOwn(nameMembers, method) ? nameMembers[method] : undefined;
  const isObject = typeof params === 'object' && params !== null;
  const given = isObject ? (params as Record<string, unknown>) : {};
  const name = member !== undefined && Object.hasOwn(given, member) ? given[member] : undefined;
  if (name === undefined ? needsName.has(method) : typeof name !== 'string') return 'not_json_rpc';
  return { method, ...(typeof name === 'string' && { name }), ...(id !== undefined && { id }), params: given };
}

/** All operations of a body, batches included. */
export function readOperations(body: unknown): Operation[] | 'not_json_rpc' {
  const messages = Array.isArray(body) ? body : [body];
  if (messages.length === 0) return 'not_json_rpc';
  const operations = messages.map(toOperation);
  if (operations.includes('not_json_rpc')) return 'not_json_rpc';
  return operations.filter((operation): operation is Operation => typeof operation === 'object');
}

/** The operation that the headers name; undefined where they need not be there or are not. */
export function headerOperation(req: IncomingMessage): Operation | undefined | 'header_mismatch' {
  const method = single(req.headers['mcp-method']);
  const given = single(req.headers['mcp-name']);
  if (method === undefined) return given === undefined ? undefined : 'header_mismatch';
  const name = given === undefined ? undefined : decodeHeaderValue(given);
  if (given !== undefined && name === undefined) return 'header_mismatch';
  return { method, ...(name !== undefined && { name }) };
}

/** Whether the headers name all that a rule may ask for. */
export function isComplete({ method, name }: Operation): boolean {
  return name !== undefined || !Object.hasOwn(nameMembers, method);
}

/** Whether the caller speaks a revision whose upstreams verify the headers. */
export function hasHeaderRevision(req: IncomingMessage): boolean {
  const version = single(req.headers['mcp-protocol-version']) ?? '';
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= headerRevision;
}

/** Whether headers, where there are any, say what the body says. A lying header is refused whatever the revision. */
export function agrees(header: Operation | undefined, operations: readonly Operation[]): boolean {
  if (!header) return true;
  const [operation] = operations;
  if (operations.length !== 1 || operation === undefined || operation.method !== header.method) return false;
  return header.name === undefined || header.name === operation.name;
}
