/** An Express app without any authentication, and documents as an app would serve them. */
import express from 'express';
import { serve } from '../harness/serve.ts';
import { createHandler, type HandlerSettings } from './handler.ts';

interface BareRouteSettings extends HandlerSettings {
  /** Documents by path, served as constant bytes, and below `/express` by `res.json`. */
  readonly documents?: Readonly<Record<string, object>>;
}

await serve<BareRouteSettings>(async ({ documents = {}, ...settings }) => {
  const app = express();
  app.disable('x-powered-by');
  app.post('/mcp', createHandler(settings));
  for (const [path, document] of Object.entries(documents)) {
    const bytes = Buffer.from(JSON.stringify(document));
    app.get(path, (_req, res) => {
      res.setHeader('content-type', 'application/json');
      res.setHeader('content-length', bytes.length);
      res.end(bytes);
    });
    app.get(`/express${path}`, (_req, res) => void res.json(document));
  }
  return { listener: app };
});
