import { type EventContext, resourceMember } from '../shared/events.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import type { OidcInteraction } from '../shared/oidc-provider.ts';
import { redirectSource } from './redirect-target.ts';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** What of an authorization request concerns the sign-in (OpenID Connect Core section 3.1.2.1). */
export function loginRequestOf(
  params: Readonly<Record<string, unknown>>,
): Pick<LoginRequest, 'redirectSource' | 'prompt' | 'loginHint' | 'uiLocales' | 'maxAge' | 'acrValues' | 'resource'> {
  const prompt = text(params.login_prompt);
  const loginHint = text(params.login_hint);
  const uiLocales = text(params.ui_locales);
  const maxAge = text(params.login_max_age);
  const acrValues = text(params.login_acr_values);
  const resource = text(params.resource);
  return {
    redirectSource: redirectSource(text(params.redirect_uri) ?? ''),
    ...(prompt !== undefined && { prompt }),
    ...(loginHint !== undefined && { loginHint }),
    ...(uiLocales !== undefined && { uiLocales }),
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
    ...(acrValues !== undefined && { acrValues }),
    ...(resource !== undefined && { resource }),
  };
}

/** What the events of one authorization request have in common. */
export function interactionContext({ cid, params }: Pick<OidcInteraction, 'cid' | 'params'>): EventContext {
  const { client_id: clientId, resource } = params;
  return { flowId: cid, ...(typeof clientId === 'string' && { clientId }), ...resourceMember(resource) };
}
