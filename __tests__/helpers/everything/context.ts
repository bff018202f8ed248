import { randomBytes } from 'node:crypto';
import { type CallToolResult, createRequestStateCodec, type RequestStateCodec } from '@modelcontextprotocol/server';

/** A one-pixel grey PNG, base64. */
export const PNG_BASE64 =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';

/** Four samples of silence as 8 kHz mono WAV, base64. */
export const WAV_BASE64 = 'UklGRigAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQQAAACAgICA';

/** What outlives one request: 2026-07-28 traffic gets a fresh McpServer instance for every request. */
export interface EverythingContext {
  /** Seals `requestState`; the suite sends a tampered one back and expects -32602. */
  readonly stateCodec: RequestStateCodec<Record<string, unknown>>;
  /** Publishes to open `subscriptions/listen` streams. */
  toolsChanged(): void;
  promptsChanged(): void;
}

export function createStateCodec(): RequestStateCodec<Record<string, unknown>> {
  return createRequestStateCodec<Record<string, unknown>>({ key: randomBytes(32), bind: (ctx) => ctx.mcpReq.method });
}

export function textResult(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}
