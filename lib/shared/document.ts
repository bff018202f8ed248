import type { ServerResponse } from 'node:http';
import { exposedHeaders, openCors, sendPreflight } from './cors.ts';
import { type Exchange, sendJson } from './http.ts';

/** A public JSON document as it is sent, made once: its head is written in one call. */
export interface PreparedDocument {
  readonly head: readonly string[];
  /** Text where each character is one byte: Node then writes it together with the head, instead of two pieces. */
  readonly content: string | Buffer;
}

export function prepareDocument(document: object): PreparedDocument {
  const text = JSON.stringify(document);
  const bytes = Buffer.from(text);
  return {
    head: [...commonHead, 'content-length', String(bytes.length)],
    content: bytes.length === text.length ? text : bytes,
  };
}

/** Whether a request wants to read a public document; any other, a preflight among them, is answered here. */
export function readsDocument({ req, res }: Pick<Exchange, 'req' | 'res'>): boolean {
  if (req.method === 'GET' || req.method === 'HEAD') return true;
  refuseMethod(req.method, res);
  return false;
}

/** Sends a public JSON document to any origin. Headers that the app has set stay. */
export function sendDocument({ req, res }: Pick<Exchange, 'req' | 'res'>, { head, content }: PreparedDocument): void {
  res.writeHead(200, head as string[]);
  if (req.method === 'HEAD') res.end();
  else res.end(content, 'latin1');
}

const commonHead: readonly string[] = [
  'content-type',
  'application/json',
  'cache-control',
  'no-store',
  'x-content-type-options',
  'nosniff',
  'access-control-allow-origin',
  '*',
  'access-control-expose-headers',
  exposedHeaders,
];

function refuseMethod(method: string | undefined, res: ServerResponse): void {
  openCors(res);
  if (method === 'OPTIONS') return sendPreflight(res, 'GET', 'Authorization, Content-Type, MCP-Protocol-Version');
  const problem = { error: 'invalid_request', error_description: 'use GET' };
  sendJson(res, 405, problem, { allow: 'GET, HEAD, OPTIONS' });
}
