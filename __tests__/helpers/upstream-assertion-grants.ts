/**
 * Grants of an upstream's oidc-provider that need no browser, for people of a company whose identity provider it trusts:
 * RFC 8693 token exchange, the redemption of an ID-JAG, and Entra's on-behalf-of flow. Each assertion is verified with the
 * company's published keys or asked about there, and each token is an opaque one of that provider.
 */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';

export interface TrustedCompany {
  /** Issuer of its identity provider. */
  readonly issuer: string;
  /** What this upstream's clients are called there, by what they are called here. */
  readonly clients: Readonly<Record<string, string>>;
}

export const tokenExchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const jwtBearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const idTokenType = 'urn:ietf:params:oauth:token-type:id_token';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

export function registerAssertionGrants(
  provider: Provider,
  resource: { readonly url: string; readonly scope: string },
  company: () => TrustedCompany,
): void {
  const keys = () => createRemoteJWKSet(new URL(`${company().issuer}/jwks`));

  async function verified(token: unknown, audience: string | undefined, typ?: string) {
    const expected = { issuer: company().issuer, audience: audience ?? '', ...(typ !== undefined && { typ }) };
    const { payload } = await jwtVerify(String(token), keys(), expected).catch((error: Error) => {
      throw new errors.InvalidGrant(error.message);
    });
    return payload;
  }

  /** The person to whom an access token of the company belongs. */
  async function ownerOf(accessToken: unknown): Promise<string> {
    const answer = await fetch(`${company().issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
    if (!answer.ok) throw new errors.InvalidGrant(`userinfo answered ${answer.status}`);
    return String(((await answer.json()) as { sub: string }).sub);
  }

  async function issue(ctx: TokenEndpointGrantContext, accountId: string): Promise<Record<string, unknown>> {
    const token = new provider.AccessToken({ accountId, client: ctx.oidc.client, scope: resource.scope } as never);
    const { scope, url: audience } = resource;
    token.resourceServer = new provider.ResourceServer(audience, { scope, audience, accessTokenFormat: 'opaque' });
    return { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, scope };
  }

  provider.registerGrantType(
    tokenExchangeGrant,
    async (ctx) => {
      const { client, params } = ctx.oidc;
      const isIdToken = params.subject_token_type === idTokenType;
      if (!isIdToken && params.subject_token_type !== accessTokenType)
        throw new errors.InvalidRequest('subject_token_type');
      const sub = isIdToken
        ? String((await verified(params.subject_token, company().clients[client.clientId])).sub)
        : await ownerOf(params.subject_token);
      ctx.body = { ...(await issue(ctx, sub)), issued_token_type: accessTokenType };
    },
    ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'resource', 'scope'],
  );

  provider.registerGrantType(
    jwtBearerGrant,
    async (ctx) => {
      const { client, params } = ctx.oidc;
      if (params.requested_token_use === 'on_behalf_of') {
        ctx.body = await issue(ctx, await ownerOf(params.assertion));
        return;
      }
      const claims = await verified(params.assertion, provider.issuer, 'oauth-id-jag+jwt');
      if (claims.client_id !== client.clientId) throw new errors.InvalidGrant('client_id');
      if (claims.resource !== resource.url) throw new errors.InvalidTarget('resource');
      ctx.body = await issue(ctx, String(claims.sub));
    },
    ['assertion', 'requested_token_use', 'resource', 'scope'],
  );
}
