import { errors } from 'oidc-provider';
import { type EventSink, resourceMember } from '../shared/events.ts';
import { answering } from './provider-adapter.ts';
import { TemporarilyUnavailable } from './temporarily-unavailable.ts';

/** What another stage says of the user behind a refresh; the shape is that of federation's `RefreshDecision`. */
export type RefreshDecision =
  | { readonly kind: 'granted'; readonly slides: boolean }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'undecided'; readonly reason: string };

export type DecideRefresh = (request: {
  readonly grantId: string;
  readonly accountId: string;
  readonly client: { readonly id: string; readonly name?: string };
  readonly resource: string;
}) => Promise<RefreshDecision>;

/** What of a Koa context is used. */
interface RefreshContext {
  readonly oidc: {
    readonly client?: { readonly clientId: string; readonly clientName?: string | undefined } | undefined;
    readonly entities: {
      readonly RefreshToken?:
        | {
            readonly grantId?: string | undefined;
            readonly accountId?: string | undefined;
            readonly resource?: unknown;
          }
        | undefined;
    };
  };
}

const sliding = new WeakSet<object>();

/** Whether the refresh token of this request's answer lives as long as a first one. */
export function slides(ctx: { readonly oidc: object } | undefined): boolean {
  return ctx !== undefined && sliding.has(ctx.oidc);
}

/**
 * Asks about the user before a refresh token is used up, so that a refusal or an outage burns none.
 * @throws errors.InvalidGrant where the user may not go on
 * @throws TemporarilyUnavailable where that cannot be said now
 */
export async function requireUser(ctx: RefreshContext, decide: DecideRefresh, events: EventSink): Promise<void> {
  const { client, entities } = ctx.oidc;
  const { grantId, accountId, resource } = entities.RefreshToken ?? {};
  if (!client || grantId === undefined || accountId === undefined) return;
  const { clientId, clientName } = client;
  const decision = await answering(
    events,
    decide({
      grantId,
      accountId,
      client: { id: clientId, ...(clientName !== undefined && { name: clientName }) },
      resource: String([resource].flat()[0] ?? ''),
    }),
  );
  switch (decision.kind) {
    case 'granted':
      if (decision.slides) sliding.add(ctx.oidc);
      return;
    case 'refused':
      throw new errors.InvalidGrant(decision.reason);
    case 'undecided':
      events.emit({
        type: 'token.refused',
        clientId,
        flowId: grantId,
        subject: accountId,
        ...resourceMember([resource].flat()[0]),
        reason: decision.reason,
      });
      throw new TemporarilyUnavailable();
  }
}
