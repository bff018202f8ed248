/** Ours. */
import express from 'express';
import { type McpOAuthOptions, mcpOAuth, type ProxyOptions } from '../../lib/index.ts';
import { createCallCounter } from '../harness/call-counter.ts';
import { serve } from '../harness/serve.ts';
import { answerMcp } from './mcp-answer.ts';
import { type Seed, seedStore } from './seed.ts';
import { openOurStorage, type StoreSettings } from './stores.ts';

export interface GatewayVariantSettings {
  /** Of the first process, where several share a store. @defaultValue its own URL */
  readonly issuer?: string;
  readonly store?: StoreSettings;
  readonly gateway?: McpOAuthOptions['gateway'];
  /** Further options, as far as they are JSON. */
  readonly options?: Pick<McpOAuthOptions, 'clients' | 'idJag' | 'telemetry'>;
  /** Certificate authority of the host with client metadata documents, to which all names lead. */
  readonly ca?: string;
  readonly isCounting?: boolean;
  readonly seed?: Seed;
  /** The route is proxied; otherwise it is answered here. */
  readonly proxy?: ProxyOptions;
}

await serve<GatewayVariantSettings>(
  async ({ issuer, store = { engine: 'memory' }, gateway, options, ca, isCounting, proxy, seed }, url) => {
    const counter = isCounting ? createCallCounter() : undefined;
    const storage = await openOurStorage(store, counter);
    if (seed) await seedStore(storage, issuer ?? url, seed);
    const auth = mcpOAuth({
      issuer: issuer ?? url,
      browserLogin: { url: `${issuer ?? url}/oauth/dev-login` },
      storage,
      secret: 'a secret of the bench, long enough for everyone',
      ...(gateway && { gateway }),
      ...options,
      ...(ca !== undefined && {
        outbound: {
          ca,
          lookup: (_hostname, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
        },
      }),
    });
    const app = express();
    app.disable('x-powered-by');
    // Metadata documents are fetched for callers of many addresses: a budget is one address's.
    if (ca !== undefined) app.set('trust proxy', 'loopback');
    app.use(auth);
    if (proxy) app.use(auth.proxy('/mcp', proxy));
    else app.post('/mcp', auth.authenticate('/mcp'), answerMcp);
    await auth.ready();
    return { listener: app, counter };
  },
);
