import type { ServerResponse } from 'node:http';
import { exposedHeaders, openCors, sendPreflight } from './cors.ts';
import { type Exchange, sendJson } from './http.ts';

/**
 * Serves a public JSON document to any origin: GET, HEAD and preflight. Its head is written in one call, which costs
 * less than the rest of the answer; headers that the app has set stay.
 * @param bytes asked for only where they are sent
 */
export async function sendDocument(
  { req, res }: Pick<Exchange, 'req' | 'res'>,
  bytes: () => Buffer | Promise<Buffer>,
): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') return refuseMethod(req.method, res);
  const document = await bytes();
  res.writeHead(200, [...commonHead, 'content-length', String(document.length)]);
  res.end(req.method === 'HEAD' ? undefined : document);
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
