/** A gateway as it runs in production: everything comes from the environment, and a signal ends it in good order. */
import { createServer } from 'node:http';
import express from 'express';
import { mcpOAuth, sqliteStorage } from '../../lib/index.ts';

/** How long answers may take after the signal; Kubernetes kills after terminationGracePeriodSeconds, which is more. */
const graceMs = 20_000;
/** How long a load balancer takes to notice that this process is not ready any more. */
const noticeMs = Number(process.env.NOTICE_MS ?? 5000);

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the environment lacks ${name}`);
  return value;
}

const app = express();
app.disable('x-powered-by');
// One proxy in front, whose X-Forwarded-* are believed: as many as there are, never `true`.
app.set('trust proxy', Number(process.env.TRUSTED_PROXIES ?? 1));

const issuer = required('ISSUER');
const storage = sqliteStorage(required('DATABASE')); // Of several replicas: postgresStorage(pool) or redisStorage(client).
const auth = mcpOAuth({
  issuer,
  oidc: { issuer: required('OIDC_ISSUER') },
  browserLogin: { clientId: required('OIDC_CLIENT_ID'), clientSecret: required('OIDC_CLIENT_SECRET') },
  secret: required('MCP_OAUTH_SECRET').split(','), // The current one first, then the one before.
  storage,
  logger: {
    debug: () => undefined,
    info: (type, details) => console.log(JSON.stringify({ level: 'info', type, ...details })),
    warn: (type, details) => console.log(JSON.stringify({ level: 'warn', type, ...details })),
    error: (type, details) => console.log(JSON.stringify({ level: 'error', type, ...details })),
  },
});

let isEnding = false;
// Alive: the process answers. It asks nobody, or an outage of the store would restart every replica.
app.get('/live', (_req, res) => void res.json({ ok: true }));
// Ready: store and keys answer within a second; an identity provider's outage stops new logins only.
app.get('/ready', async (_req, res) => {
  const health = await auth.health();
  const ok = health.ok && !isEnding;
  res.status(ok ? 200 : 503).json({ ...health, ok });
});
app.use(auth);
app.use(auth.proxy('/mcp', { target: required('UPSTREAM') }));

const server = createServer(app);
// Longer than the idle time of what stands in front, so that it never sends a request into a closing connection.
server.keepAliveTimeout = 75_000;
server.listen(Number(process.env.PORT ?? 3000), () =>
  console.log(JSON.stringify({ level: 'info', type: 'listening' })),
);

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true; // 1. Not ready: no new requests are routed here.
  await new Promise((resolve) => setTimeout(resolve, noticeMs));
  const closed = new Promise((resolve) => server.close(resolve)); // 2. No new connections.
  await auth.close({ graceMs }); // 3. Streams end, answers under way are waited for.
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), 1000);
  await closed;
  clearTimeout(late);
  await storage.close(); // 4. What was opened here.
  process.exit(0);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end());
