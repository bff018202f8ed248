import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { type McpOAuth, type McpOAuthEvent, type McpOAuthOptions, mcpOAuth, memoryStorage } from '../../lib/index.ts';

export interface Gateway {
  /** Issuer identifier, `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly auth: McpOAuth;
  readonly app: Express;
  /** Every event so far. */
  readonly events: McpOAuthEvent[];
  close(): Promise<void>;
}

export interface GatewaySettings {
  /** Options over the defaults: issuer of this listener, dev login, memory storage. */
  readonly options?: (issuer: string) => Partial<McpOAuthOptions>;
  /** Routes of the app: `app.use(auth)` has run already unless `beforeAuth` is used. */
  readonly routes?: (app: Express, auth: McpOAuth, issuer: string) => void;
  readonly beforeAuth?: (app: Express) => void;
  /** @defaultValue a free port */
  readonly port?: number;
}

/** A real listening Express app with `mcpOAuth`. */
export async function startGateway({ options, routes, beforeAuth, port = 0 }: GatewaySettings = {}): Promise<Gateway> {
  const app = express();
  app.disable('x-powered-by');
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const auth = mcpOAuth({
    issuer: url,
    browserLogin: { url: `${url}/oauth/dev-login` },
    storage: memoryStorage(),
    secret: 'a secret of the tests, long enough for everyone',
    ...options?.(url),
  });
  const events: McpOAuthEvent[] = [];
  auth.events.on('*', (event) => void events.push(event));
  beforeAuth?.(app);
  app.use(auth);
  routes?.(app, auth, url);
  return {
    url,
    auth,
    app,
    events,
    async close() {
      await auth.close({ graceMs: 0 });
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
