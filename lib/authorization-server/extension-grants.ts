import { randomUUID } from 'node:crypto';
import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';
// Meant for grants like these, though outside its version promise; the dependency is on one minor version.
import { checkDpopReplay, checkDpopRequired, validateDpop } from 'oidc-provider/lib/helpers/grants.js';
import type { OAuthError } from '../errors.ts';
import type { EventSink } from '../shared/events.ts';
import type { ExtensionGrant, GivenAccess, GrantRefusal, GrantRequest } from '../shared/extension-grant.ts';
import type { Issuer } from '../shared/issuer.ts';
import { canonicalResource } from '../shared/resources.ts';
import { commitAll } from '../storage/commit.ts';
import type { RecordWrite, Storage } from '../storage/storage.ts';
import { answering } from './provider-adapter.ts';
import { resourceServerOf } from './provider-configuration.ts';
import { collectWrites, takeWrites } from './token-writes.ts';

export interface ExtensionGrantSettings {
  readonly storage: Storage;
  readonly issuer: Issuer;
  readonly events: EventSink;
  readonly accessTokenTtlSeconds: number;
  readonly accessTokenFormat: 'opaque' | 'jwt';
}

/** The grant lives a little longer than its one token. */
const graceSeconds = 10;

/** Our refusal as oidc-provider renders it: the public words on the wire, the exact reason in its event. */
function toProviderError({ error, reason }: { error: OAuthError; reason: string }): Error {
  const shown = new errors.OIDCProviderError(error.status, error.code);
  return Object.assign(shown, { expose: true, error_description: error.message, error_detail: reason });
}

/** Grant and token in one step, and with them what may happen once. */
async function writeOnce(
  writes: readonly RecordWrite[],
  once: GivenAccess['once'],
  { storage, events }: ExtensionGrantSettings,
): Promise<void> {
  const [deciding, ...others] = once ? [once.write, ...writes] : writes;
  if (!deciding) return;
  const isWritten = await answering(events, commitAll(storage, { ...deciding, how: 'create' }, others));
  if (!isWritten) throw once ? toProviderError(once.refusal()) : new errors.InvalidGrant('grant was revoked meanwhile');
  once?.done();
}

/**
 * Issues the one token: with a grant of its own, as every other token has one, so that it can be listed and revoked. No
 * refresh token: whoever redeems assertions asks for the next one (ID-JAG draft section 4.4.3), a client asks again.
 */
async function issue(
  provider: Provider,
  ctx: TokenEndpointGrantContext,
  given: GivenAccess,
  request: Pick<GrantRequest, 'flowId' | 'proofThumbprint'> & { readonly grantType: string },
  settings: ExtensionGrantSettings,
): Promise<void> {
  const { accountId, resource, scopes } = given;
  const { client } = ctx.oidc;
  const indicator = canonicalResource(settings.issuer, resource);
  const resourceServer = new provider.ResourceServer(indicator, resourceServerOf(resource, settings) as never);
  const expiresIn = resourceServer.accessTokenTTL as number;
  const scope = scopes.join(' ');
  const { flowId, proofThumbprint, grantType } = request;
  const grant = new provider.Grant({
    jti: flowId,
    accountId,
    clientId: client.clientId,
    expiresIn: expiresIn + graceSeconds,
  } as never);
  grant.addResourceScope(indicator, scope);
  collectWrites(ctx);
  const grantId = await grant.save();
  const token = new provider.AccessToken({
    accountId,
    client,
    grantId,
    gty: grantType,
    expiresWithSession: false,
  } as never);
  token.resourceServer = resourceServer;
  token.scope = scope;
  if (proofThumbprint !== undefined) token.setThumbprint('jkt', proofThumbprint);
  ctx.oidc.entity('Grant', grant);
  ctx.oidc.entity('AccessToken', token);
  const value = await token.save();
  await writeOnce(takeWrites(ctx), given.once, settings);
  ctx.body = {
    access_token: value,
    expires_in: token.expiration,
    token_type: token.tokenType,
    ...(scope !== '' && { scope }),
  };
}

function isRefusal(outcome: GivenAccess | GrantRefusal): outcome is GrantRefusal {
  return 'error' in outcome;
}

/** Adds grants to the token endpoint, its metadata and what client metadata may name. */
export function registerExtensionGrants(
  provider: Provider,
  grants: readonly ExtensionGrant[],
  settings: ExtensionGrantSettings,
): void {
  for (const grant of grants) {
    const handler = async (ctx: TokenEndpointGrantContext): Promise<void> => {
      const { client, params } = ctx.oidc;
      const proof = await validateDpop(provider, ctx);
      checkDpopRequired(provider, ctx, proof);
      await checkDpopReplay(provider, ctx, proof, client.clientId);
      const request: GrantRequest = {
        issuer: settings.issuer,
        flowId: randomUUID(),
        client: {
          clientId: client.clientId,
          isPublic: client.clientAuthMethod === 'none',
          resourceScopes: client.resource_scopes as GrantRequest['client']['resourceScopes'],
        },
        parameters: params,
        proofThumbprint: proof?.thumbprint,
      };
      const outcome = await answering(settings.events, grant.redeem(request));
      if (isRefusal(outcome)) throw toProviderError(outcome);
      await issue(provider, ctx, outcome, { ...request, grantType: grant.grantType }, settings);
    };
    provider.registerGrantType(grant.grantType, handler, [...grant.parameters], ['resource']);
  }
}
