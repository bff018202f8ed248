/** What stands behind the check of a route: as little as possible, so that no ratio hides behind its work, or a proxy. */
import type { RequestHandler } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { answerMcp } from './mcp-answer.ts';

export interface HandlerSettings {
  /** Origin of the MCP server behind the gateway; without it the route answers by itself. */
  readonly upstream?: string;
}

/** As its README shows it. The route's path is the upstream's. */
export function createHandler({ upstream }: HandlerSettings): RequestHandler {
  if (upstream === undefined) return answerMcp;
  return createProxyMiddleware({ target: upstream, changeOrigin: true }) as unknown as RequestHandler;
}
