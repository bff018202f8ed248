/** One of several processes that behave as one. It is told everything by its environment, and says on which port it listens. */
import { createServer } from 'node:http';
import express from 'express';
import { createClient } from 'redis';
import { redisStorage } from '../../adapters/storage/redis.ts';
import { mcpOAuth } from '../../lib/index.ts';
import { greeterHandler } from '../quickstart/mcp-servers.ts';
import { close, listen } from '../shared/story.ts';

const {
  ISSUER = '',
  IDP_ISSUER = '',
  IDP_CLIENT_ID = '',
  IDP_CLIENT_SECRET = '',
  REDIS_URL,
  PREFIX,
  NAME,
  PORT,
} = process.env;

const redis = createClient({ ...(REDIS_URL !== undefined && { url: REDIS_URL }) });
redis.on('error', (error) => console.error(`redis: ${error.message}`));
await redis.connect();

const auth = mcpOAuth({
  issuer: ISSUER, // With the path that nginx serves it under.
  oidc: { issuer: IDP_ISSUER },
  browserLogin: { clientId: IDP_CLIENT_ID, clientSecret: IDP_CLIENT_SECRET },
  storage: redisStorage(redis, { ...(PREFIX !== undefined && { prefix: PREFIX }) }),
  secret: process.env.MCP_OAUTH_SECRET ?? 'a secret of this example, the same on every replica',
});
const path = new URL(ISSUER).pathname;

const app = express();
app.set('trust proxy', 'loopback'); // nginx alone; the issuer is fixed, whatever headers say.
app.use((_req, res, next) => {
  res.set('x-replica', NAME ?? 'a replica');
  next();
});
app.use(auth); // Also the well-known paths of the origin, which nginx sends here.
app.all(`${path}/mcp`, auth.authenticate(`${path}/mcp`), greeterHandler());
app.get(`${path}/ready`, async (_req, res) => void res.status((await auth.health()).ok ? 200 : 503).end());

const server = createServer(app);
const url = await listen(server, Number(PORT ?? 0));
process.send?.({ url });
console.log(`${NAME ?? 'replica'} listens on ${url}`);

process.once('SIGTERM', async () => {
  await auth.close();
  await close(server);
  await redis.quit(); // The client is the app's: `auth.close()` leaves it open.
  process.exit(0);
});
