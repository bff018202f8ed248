import { type EventContext, type EventSink, resourceMember } from '../shared/events.ts';
import { flowIdOf } from '../shared/flow-id.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { beingRotated } from './refresh-rotation.ts';
import { type IssuedModel, presentedAgain } from './used-before.ts';

interface OidcContext {
  readonly oidc?: {
    readonly params?: Record<string, unknown>;
    readonly client?: { readonly clientId: string };
    readonly entities?: {
      readonly AccessToken?: IssuedModel;
      readonly AuthorizationCode?: IssuedModel;
      readonly Interaction?: { readonly cid?: string };
      readonly RefreshToken?: IssuedModel;
    };
  };
}

interface OidcError extends Error {
  readonly error_description?: string;
  readonly error_detail?: string;
}

/** The exact reason, for operators: the wire only says `invalid_grant`. */
export function reasonOf(error: OidcError): string {
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  const parts = [error.message, error.error_detail ?? error.error_description, cause].filter(Boolean);
  return [...new Set(parts)].join(': ');
}

/** The actor, the resource and the flow, as far as oidc-provider has got to know them. */
function identify(ctx: OidcContext | undefined, presented?: IssuedModel): EventContext {
  const { client, params, entities } = ctx?.oidc ?? {};
  const clientId = client?.clientId ?? params?.client_id;
  const issued = presented ?? entities?.AccessToken ?? entities?.RefreshToken ?? entities?.AuthorizationCode;
  const flowId = issued?.grantId ?? entities?.Interaction?.cid;
  return {
    ...(typeof clientId === 'string' && { clientId: clientId.slice(0, 2048) }),
    ...(flowId !== undefined && { flowId }),
    ...(issued?.accountId !== undefined && { subject: issued.accountId }),
    ...resourceMember(issued?.aud ?? issued?.resource ?? params?.resource),
  };
}

/** oidc-provider's own events as ours. */
export function forwardProviderEvents(provider: OidcProvider, events: EventSink): void {
  const on = provider.on.bind(provider) as (event: string, listener: (...values: never[]) => void) => void;
  on(
    'registration_create.success',
    (_ctx: OidcContext, client: { clientId: string; redirectUris?: readonly string[] }) => {
      const redirectHosts = (client.redirectUris ?? []).map(
        (uri) => URL.parse(uri)?.host || (URL.parse(uri)?.protocol ?? ''),
      );
      events.emit({ type: 'client.registered', clientId: client.clientId, redirectHosts });
    },
  );
  on('registration_create.error', (ctx: OidcContext, error: OidcError) =>
    events.emit({ type: 'client.refused', ...identify(ctx), reason: reasonOf(error) }),
  );
  on('interaction.started', (ctx: OidcContext) => events.emit({ type: 'authorization.started', ...identify(ctx) }));
  on('authorization.error', (ctx: OidcContext, error: OidcError) =>
    events.emit({ type: 'authorization.refused', flowId: flowIdOf(ctx), ...identify(ctx), reason: reasonOf(error) }),
  );
  on('grant.success', (ctx: OidcContext) => {
    events.emit({
      type: 'token.issued',
      ...identify(ctx),
      grantType: String(ctx.oidc?.params?.grant_type),
    });
  });
  on('grant.error', (ctx: OidcContext, error: OidcError) => {
    if (error.error_detail === beingRotated) return; // Gets the successor; `token.replayed` says so.
    const reason = reasonOf(error);
    const type = /already (?:used|consumed)|was used before/.test(reason) ? 'token.reuse_detected' : 'token.refused';
    events.emit({ type, ...identify(ctx, presentedAgain(error)), reason });
  });
  on('revocation.error', (ctx: OidcContext, error: OidcError) =>
    events.emit({ type: 'token.refused', ...identify(ctx), reason: reasonOf(error) }),
  );
  on('introspection.error', (ctx: OidcContext, error: OidcError) =>
    events.emit({ type: 'token.refused', ...identify(ctx), reason: reasonOf(error) }),
  );
  on('grant.revoked', (ctx: OidcContext, grantId: string) =>
    events.emit({ type: 'token.revoked', ...identify(ctx), flowId: grantId, grants: 1 }),
  );
  on('server_error', (ctx: OidcContext, error: OidcError) =>
    events.emit({ type: 'server.error', flowId: flowIdOf(ctx), ...identify(ctx), reason: reasonOf(error) }),
  );
}
