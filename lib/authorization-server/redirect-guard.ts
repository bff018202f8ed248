import type { IncomingMessage } from 'node:http';
import { flowIdOf } from '../shared/flow-id.ts';
import type { ProviderHooks } from './provider-configuration.ts';

export interface AuthorizationContext {
  status: number;
  body: unknown;
  readonly req: IncomingMessage;
  readonly response: { get(name: string): string | undefined };
  readonly oidc?: {
    readonly client?: { readonly clientId: string };
    readonly params?: Readonly<Record<string, unknown>>;
  };
  set(name: string, value: string): void;
  remove(name: string): void;
}

/** Answers to `prompt=none`, which asks for an answer without any page (OpenID Connect Core section 3.1.2.6). */
const silentErrors = new Set([
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'login_required',
]);

/** The error that a redirect brings to a client; undefined for every other one: those to pages of ours are paths. */
function errorOf(location: string | undefined): string | undefined {
  const url = URL.parse(location ?? '');
  if (!url) return undefined;
  const { search, hash } = url;
  return new URLSearchParams(search).get('error') ?? new URLSearchParams(hash.slice(1)).get('error') ?? undefined;
}

/**
 * Completes answers of the authorization endpoint: whoever registers a client could make this server's name send people
 * to any site, by a request that is wrong on purpose. So an error goes back by itself only to a client that somebody has
 * approved, or to this device; elsewhere the person sees where it leads, and decides (RFC 9700 section 4.11.2).
 */
export function createRedirectGuard(
  hooks: Pick<ProviderHooks, 'mayRedirectErrors' | 'renderErrorPage'>,
): (ctx: AuthorizationContext) => Promise<void> {
  return async (ctx) => {
    const { client, params = {} } = ctx.oidc ?? {};
    const redirectUri = String(params.redirect_uri);
    if (!client || !/^https:/i.test(redirectUri)) return;
    const location = ctx.response.get('location');
    const error = errorOf(location);
    if (location === undefined || error === undefined) return;
    if (silentErrors.has(error) && params.prompt === 'none') return;
    if (await hooks.mayRedirectErrors(client.clientId, redirectUri)) return;
    const { body, headers } = hooks.renderErrorPage({
      code: error,
      description: undefined,
      failure: undefined,
      leadsTo: location,
      flowId: flowIdOf(ctx),
      req: ctx.req,
      uiLocales: params.ui_locales,
    });
    ctx.remove('location');
    ctx.status = 400;
    for (const [name, value] of Object.entries(headers)) ctx.set(name, value);
    ctx.body = body;
  };
}
