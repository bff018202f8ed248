import { type EventContext, type EventSink, resourceMember } from '../shared/events.ts';
import { type IssuedModel, presentedAgain } from './used-before.ts';

/** What of a Koa context events tell. */
export interface TokenEventContext {
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

export interface OidcError extends Error {
  readonly error_description?: string | undefined;
  readonly error_detail?: string | undefined;
}

/** The exact reason, for operators: the wire only says `invalid_grant`. */
export function reasonOf(error: OidcError): string {
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  const parts = [error.message, error.error_detail ?? error.error_description, cause].filter(Boolean);
  return [...new Set(parts)].join(': ');
}

/** The actor, the resource and the flow, as far as oidc-provider has got to know them. */
export function identify(ctx: TokenEventContext | undefined, presented?: IssuedModel): EventContext {
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

export function tokenIssued(events: EventSink, ctx: TokenEventContext): void {
  events.emit({ type: 'token.issued', ...identify(ctx), grantType: String(ctx.oidc?.params?.grant_type) });
}

export function tokenRefused(events: EventSink, ctx: TokenEventContext, error: OidcError): void {
  const reason = reasonOf(error);
  const type = /already (?:used|consumed)|was used before/.test(reason) ? 'token.reuse_detected' : 'token.refused';
  events.emit({ type, ...identify(ctx, presentedAgain(error)), reason });
}
