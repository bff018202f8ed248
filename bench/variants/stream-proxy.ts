/** http-proxy-middleware on an Express app, as its documentation shows it, without authentication. */
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { serve } from '../harness/serve.ts';

interface StreamProxySettings {
  readonly target: string;
}

await serve<StreamProxySettings>(async ({ target }) => {
  const app = express();
  app.disable('x-powered-by');
  app.use('/mcp', createProxyMiddleware({ target, changeOrigin: true }));
  return { listener: app };
});
