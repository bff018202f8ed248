import type { IncomingMessage } from 'node:http';
import { parseJsonRpc } from '../shared/json-rpc.ts';
import {
  agrees,
  hasHeaderRevision,
  headerOperation,
  isComplete,
  type Operation,
  readOperations,
} from '../shared/operation.ts';
import { peekBody } from '../shared/request-body.ts';
import { type OperationScopes, scopesOfOperation } from './scopes.ts';

/** What decides which scopes a request needs. */
export interface ScopeRules {
  /** Of every request. */
  readonly scopes: readonly string[];
  readonly operationScopes: OperationScopes;
  readonly requiredScopes?: (req: IncomingMessage) => readonly string[] | Promise<readonly string[]>;
  readonly trustMcpHeaders: boolean;
  readonly maxBodyBytes: number;
}

/** The request's body does not allow a decision. */
export interface UndecidableRequest {
  readonly status: 400 | 413;
  /** JSON-RPC error code; -32020 is HeaderMismatch (MCP 2026-07-28). */
  readonly code: -32700 | -32600 | -32020;
  readonly message: string;
}

const notJson: UndecidableRequest = { status: 400, code: -32700, message: 'the body is not JSON' };
const notJsonRpc: UndecidableRequest = { status: 400, code: -32600, message: 'the body is not a JSON-RPC message' };
const mismatch: UndecidableRequest = {
  status: 400,
  code: -32020,
  message: 'Mcp-Method or Mcp-Name does not match the body',
};
const tooLarge: UndecidableRequest = { status: 413, code: -32600, message: 'the body is too large' };

async function readOperationsOf(req: IncomingMessage, rules: ScopeRules): Promise<Operation[] | UndecidableRequest> {
  const header = headerOperation(req);
  if (header === 'header_mismatch') return mismatch;
  if (rules.trustMcpHeaders && header && hasHeaderRevision(req) && isComplete(header)) return [header];
  const peeked = await peekBody(req, rules.maxBodyBytes);
  switch (peeked.kind) {
    case 'too_large':
      return tooLarge;
    case 'broken':
    case 'none':
      return notJson;
    case 'bytes':
    case 'parsed': {
      const body = peeked.kind === 'parsed' ? peeked : parseJsonRpc(peeked.bytes);
      if (!body) return notJson;
      const operations = readOperations(body.value);
      if (operations === 'not_json_rpc') return notJsonRpc;
      return agrees(header, operations) ? operations : mismatch;
    }
  }
}

/** Whether the rules of a route look at bodies at all. */
export function needsOperations({ operationScopes }: ScopeRules): boolean {
  return Object.keys(operationScopes).length > 0;
}

/**
 * All scopes that a request needs, at once (MCP 2026-07-28, Scope Challenge Handling). On a route with rules the body of a
 * POST is always read, since a header can lie; it stays readable for everyone behind.
 */
export async function requiredScopesOf(
  req: IncomingMessage,
  rules: ScopeRules,
): Promise<readonly string[] | UndecidableRequest> {
  const scopes = new Set(rules.scopes);
  if (rules.requiredScopes) for (const scope of await rules.requiredScopes(req)) scopes.add(scope);
  if (req.method !== 'POST' || !needsOperations(rules)) return [...scopes];
  const operations = await readOperationsOf(req, rules);
  if (!Array.isArray(operations)) return operations;
  for (const operation of operations)
    for (const scope of scopesOfOperation(operation, rules.operationScopes)) scopes.add(scope);
  return [...scopes];
}
