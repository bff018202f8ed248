/** The least that redeems an ID-JAG: `jose.jwtVerify`, and the token as oidc-provider issues it. No replay detection. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { JWK } from 'jose';
import { type ClientMetadata, errors, type Provider } from 'oidc-provider';

// The one that lib uses: a peer in bench/node_modules brings another version.
const { resolve } = createRequire(new URL('../../lib/index.ts', import.meta.url));
const jose: typeof import('jose') = await import(pathToFileURL(resolve('jose')).href);

export interface BareIdJagSettings {
  readonly issuer: string;
  readonly key: JWK;
  readonly client: ClientMetadata;
  /** Whether the token belongs to a grant, as those of every other user grant of oidc-provider do. */
  readonly hasGrant: boolean;
}

export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

export function registerBareIdJag(provider: Provider, resource: string, settings: BareIdJagSettings): void {
  const keys = jose.createLocalJWKSet({ keys: [settings.key] });
  const expected = {
    issuer: settings.issuer,
    audience: provider.issuer,
    typ: 'oauth-id-jag+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['sub', 'jti', 'exp', 'iat', 'client_id'],
  };
  provider.registerGrantType(
    jwtBearer,
    async (ctx) => {
      const { client, params } = ctx.oidc;
      const { payload } = await jose.jwtVerify(String(params.assertion), keys, expected);
      if (payload.client_id !== client.clientId || payload.resource !== resource) throw new errors.InvalidGrant('no');
      const accountId = String(payload.sub);
      let grantId: string | undefined;
      if (settings.hasGrant) {
        const grant = new provider.Grant({ accountId, clientId: client.clientId });
        grant.addResourceScope(resource, 'mcp:tools');
        grantId = await grant.save();
      }
      const token = new provider.AccessToken({
        accountId,
        client,
        grantId,
        gty: jwtBearer,
        expiresWithSession: false,
      } as never);
      token.resourceServer = new provider.ResourceServer(resource, {
        scope: 'mcp:tools',
        audience: resource,
        accessTokenTTL: 900,
        accessTokenFormat: 'opaque',
      });
      token.scope = 'mcp:tools';
      const value = await token.save();
      ctx.body = {
        access_token: value,
        expires_in: token.expiration,
        token_type: token.tokenType,
        scope: token.scope,
      };
    },
    ['assertion', 'scope', 'resource'],
    ['resource'],
  );
}
