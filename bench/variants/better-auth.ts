/** Better Auth with its OAuth provider plugin, on SQLite in memory. */

import type { RequestListener } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { importPeer } from '../harness/install.ts';
import { serve } from '../harness/serve.ts';

interface Auth {
  readonly options: object;
}

const { betterAuth } = await importPeer<{ betterAuth: (options: object) => Auth }>('better-auth');
const { toNodeHandler } = await importPeer<{ toNodeHandler: (auth: Auth) => RequestListener }>('better-auth/node');
const { jwt } = await importPeer<{ jwt: () => object }>('better-auth/plugins');
const { oauthProvider } = await importPeer<{ oauthProvider: (options: object) => object }>(
  '@better-auth/oauth-provider',
);
const { getMigrations } = await importPeer<{
  getMigrations: (options: object) => Promise<{ runMigrations: () => Promise<void> }>;
}>('better-auth/db/migration');

await serve(async (_settings, url) => {
  const auth = betterAuth({
    baseURL: url,
    secret: 'a secret of the bench, long enough for everyone',
    database: new DatabaseSync(':memory:'),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error' },
    plugins: [
      jwt(),
      oauthProvider({
        loginPage: '/login',
        consentPage: '/consent',
        allowDynamicClientRegistration: true,
        allowUnauthenticatedClientRegistration: true,
        scopes: ['openid', 'offline_access', 'mcp:tools'],
        silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
      }),
    ],
  });
  await (await getMigrations(auth.options)).runMigrations();
  return { listener: toNodeHandler(auth) };
});
