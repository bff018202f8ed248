import type { IncomingMessage } from 'node:http';
import { agrees, headerOperation, type Operation, readOperations } from './operation.ts';

/** A request's headers or body do not allow a decision. */
export interface UndecidableRequest {
  readonly status: 400 | 413 | 415;
  /** JSON-RPC error code; -32020 is HeaderMismatch (MCP 2026-07-28). */
  readonly code: -32700 | -32600 | -32020;
  readonly message: string;
}

export const headerMismatch: UndecidableRequest = {
  status: 400,
  code: -32020,
  message: 'Mcp-Method or Mcp-Name does not match the body',
};
export const bodyTooLarge: UndecidableRequest = { status: 413, code: -32600, message: 'the body is too large' };
export const unsupportedBody: UndecidableRequest = {
  status: 415,
  code: -32600,
  message: 'the body must be JSON in UTF-8 without content coding',
};
export const notJson: UndecidableRequest = { status: 400, code: -32700, message: 'the body is not JSON' };
const notJsonRpc: UndecidableRequest = { status: 400, code: -32600, message: 'the body is not a JSON-RPC message' };

/**
 * The operations of a POST, batches included, whose `Mcp-Method` and `Mcp-Name` say the same where they are there.
 * @param body undefined where it could not be read
 */
export function operationsOf(
  req: IncomingMessage,
  body: { readonly value: unknown } | undefined,
): Operation[] | UndecidableRequest {
  const header = headerOperation(req);
  if (header === 'header_mismatch') return headerMismatch;
  if (!body) return notJson;
  const operations = readOperations(body.value);
  if (operations === 'not_json_rpc') return notJsonRpc;
  return agrees(header, operations) ? operations : headerMismatch;
}
