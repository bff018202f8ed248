import type { EventSink } from '../shared/events.ts';
import { flowIdOf } from '../shared/flow-id.ts';
import type { OidcProvider } from '../shared/oidc-provider.ts';
import { type RefreshRotation, rotatedBefore } from './refresh-rotation.ts';
import {
  identify,
  type TokenEventContext as OidcContext,
  type OidcError,
  reasonOf,
  tokenIssued,
  tokenRefused,
} from './token-events.ts';

/** oidc-provider's own events as ours. */
export function forwardProviderEvents(
  provider: OidcProvider,
  events: EventSink,
  rotation: Pick<RefreshRotation, 'isRotating'>,
): void {
  const on = provider.on.bind(provider) as (event: string, listener: (...values: never[]) => void) => void;
  on(
    'registration_create.success',
    (_ctx: OidcContext, client: { clientId: string; redirectUris?: readonly string[] }) => {
      const redirectHosts = (client.redirectUris ?? []).map((uri) => {
        const url = URL.parse(uri);
        return url?.host || (url?.protocol ?? '');
      });
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
    if (!rotation.isRotating(ctx)) tokenIssued(events, ctx); // Otherwise told once it is written.
  });
  on('grant.error', (ctx: OidcContext, error: OidcError) => {
    if (error.error_detail !== rotatedBefore) tokenRefused(events, ctx, error); // Otherwise `token.replayed` is told.
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
