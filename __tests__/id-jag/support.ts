/** A gateway that redeems ID-JAGs, the identity provider that signs them, and a client of both. */
import type { McpOAuthOptions } from '../../lib/index.ts';
import type { GatewaySettings } from '../helpers/gateway.ts';
import { type Answer, type Parameters, postForm, send } from '../helpers/oauth-client.ts';
import { type Observed, type ObservedGateway, startObservedGateway } from '../helpers/observed-gateway.ts';
import { bearer } from '../helpers/protected-server.ts';
import { type IdJagIssuer, startIdJagIssuer } from './issuer.ts';

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export const agent = { client_id: 'agent', client_secret: 'a secret of the agent' };

export interface Redemption {
  readonly gateway: ObservedGateway;
  readonly idp: IdJagIssuer;
  /** Presents an assertion as the agent; parameters are added or replaced. */
  present(assertion: string | undefined, parameters?: Parameters): Promise<Answer>;
  /** The same, with the events and the writes to the store. */
  observe(assertion: string | undefined, parameters?: Parameters): Promise<Observed<Answer>>;
  close(): Promise<void>;
}

export interface RedemptionSettings {
  readonly idJag?: Partial<NonNullable<McpOAuthOptions['idJag']>>;
  /** Of the trusted issuer. */
  readonly trusted?: Partial<NonNullable<McpOAuthOptions['idJag']>['trustedIssuers'][number]>;
  readonly clients?: McpOAuthOptions['clients'];
  readonly options?: Partial<McpOAuthOptions>;
  readonly routes?: NonNullable<GatewaySettings['routes']>;
}

/** `/mcp` with the scopes `mcp:tools` and, for who asks, `files:write`; it is the one that is meant when none is named. */
const defaultRoutes: NonNullable<GatewaySettings['routes']> = (app, auth) => {
  const rule = { scopes: ['mcp:tools'], optionalScopes: ['files:write'], default: true };
  app.all('/mcp', auth.authenticate('/mcp', rule), (req, res) => res.json((req as { user?: unknown }).user));
  for (const path of ['/other', '/third'])
    app.all(path, auth.authenticate(path, { scopes: ['other'] }), (_req, res) => res.json({ ok: true }));
};

/**
 * Jest's `structuredClone` makes objects of another realm, and the keys of a configured client are then no plain object to
 * oidc-provider, which clones them when it is built.
 */
async function inOneRealm<T>(work: () => Promise<T>): Promise<T> {
  const original = globalThis.structuredClone;
  globalThis.structuredClone = ((value: unknown) => JSON.parse(JSON.stringify(value))) as typeof structuredClone;
  try {
    return await work();
  } finally {
    globalThis.structuredClone = original;
  }
}

export async function startRedemption(settings: RedemptionSettings = {}): Promise<Redemption> {
  let gateway: ObservedGateway;
  const idp = await startIdJagIssuer(() => ({
    aud: gateway.url,
    sub: 'alice',
    client_id: 'agent',
    resource: `${gateway.url}/mcp`,
    scope: 'mcp:tools',
  }));
  gateway = await inOneRealm(() =>
    startObservedGateway({
      routes: settings.routes ?? defaultRoutes,
      options: () => ({
        clients: [{ ...agent, grant_types: [jwtBearer] }, ...(settings.clients ?? [])],
        ...settings.options,
        idJag: { trustedIssuers: [{ issuer: idp.issuer, ...settings.trusted }], ...settings.idJag },
      }),
    }),
  );
  const redemption: Redemption = {
    gateway,
    idp,
    present: (assertion, parameters = {}) =>
      postForm(`${gateway.url}/oauth/token`, { ...agent, grant_type: jwtBearer, assertion, ...parameters }),
    observe: (assertion, parameters) => gateway.observe(() => redemption.present(assertion, parameters)),
    async close() {
      await gateway.close();
      await idp.close();
    },
  };
  return redemption;
}

/** `/mcp` with the token of an answer. */
export function callWith(url: string, { json }: Answer, path = '/mcp'): Promise<Answer> {
  return send(`${url}${path}`, { headers: bearer(String(json?.access_token)) });
}
