import type { IncomingMessage } from 'node:http';
import { isAmbiguousValue, parseJsonRpc } from '../shared/json-rpc.ts';
import { hasHeaderRevision, headerOperation, isComplete, type Operation } from '../shared/operation.ts';
import { isPlainJson, peekBody } from '../shared/request-body.ts';
import {
  bodyTooLarge,
  headerMismatch,
  operationsOf,
  type UndecidableRequest,
  unsupportedBody,
} from '../shared/request-operations.ts';
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

async function readOperationsOf(req: IncomingMessage, rules: ScopeRules): Promise<Operation[] | UndecidableRequest> {
  const header = headerOperation(req);
  if (header === 'header_mismatch') return headerMismatch;
  if (rules.trustMcpHeaders && header && hasHeaderRevision(req) && isComplete(header)) return [header];
  if (!isPlainJson(req)) return unsupportedBody;
  const peeked = await peekBody(req, rules.maxBodyBytes);
  switch (peeked.kind) {
    case 'too_large':
      return bodyTooLarge;
    case 'broken':
    case 'none':
      return operationsOf(req, undefined);
    case 'bytes':
      return operationsOf(req, parseJsonRpc(peeked.bytes));
    case 'parsed':
      return operationsOf(req, isAmbiguousValue(peeked.value) ? undefined : peeked);
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
