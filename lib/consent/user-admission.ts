import { type EventSink, resourceMember } from '../shared/events.ts';
import type { Exchange } from '../shared/http.ts';
import { accountIdOf, type Identity } from '../shared/identity.ts';
import type { OidcClient, OidcInteraction, OidcProvider } from '../shared/oidc-provider.ts';
import type { Pages } from '../shared/pages/pages.ts';
import type { UserPolicy, UserRequest, UserVerdict } from '../shared/user-policy.ts';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What an authorization request asks for, as the app is told. */
export function userRequestOf(
  { clientId, clientName }: OidcClient,
  params: Readonly<Record<string, unknown>>,
): UserRequest {
  return {
    client: { id: clientId, ...(clientName !== undefined && { name: clientName }) },
    resource: text(params.resource),
  };
}

/** Asks the app whether a person may have what an authorization request asks for. */
export async function judgeUser(
  policy: UserPolicy | undefined,
  provider: OidcProvider,
  { params }: OidcInteraction,
  identity: Identity,
): Promise<UserVerdict> {
  if (!policy) return { kind: 'allowed' };
  const client = await provider.Client.find(text(params.client_id));
  return client ? policy(identity, userRequestOf(client, params)) : { kind: 'allowed' };
}

/** A verdict that lets nobody in. */
export type Refusal = Exclude<UserVerdict, { kind: 'allowed' }>;

/** What the client gets at its redirect URI (RFC 6749 section 4.1.2.1). */
export function refusalResult({ kind }: Refusal): { error: string; error_description: string } {
  return kind === 'refused'
    ? { error: 'access_denied', error_description: 'the user may not use this resource' }
    : { error: 'server_error', error_description: 'the request could not be decided' };
}

/** Tells the person, in words; from the page the browser goes back to the client with the error. */
export function showRefusal(
  exchange: Exchange,
  { cid: flowId, params, returnTo }: OidcInteraction,
  identity: Identity,
  refusal: Refusal,
  { events, pages }: { readonly events: EventSink; readonly pages: Pages },
): void {
  const next = { label: 'goBack', href: returnTo } as const;
  const { ui_locales: uiLocales } = params;
  const user = {
    flowId,
    clientId: text(params.client_id),
    subject: accountIdOf(identity),
    ...resourceMember(params.resource),
  };
  if (refusal.kind === 'undecided') {
    events.emit({ type: 'user.refused', ...user, reason: refusal.reason });
    const content = { kind: 'failed', code: 'server_error', flowId, next } as const;
    return pages.send(exchange, 'error', content, { status: 500, uiLocales });
  }
  events.emit({ type: 'user.refused', ...user, reason: refusal.reason ?? 'authorizeUser: refused' });
  const { message: explanation } = refusal;
  const content = { kind: 'userRefused', code: 'access_denied', flowId, next } as const;
  pages.send(
    exchange,
    'error',
    { ...content, ...(explanation !== undefined && { explanation }) },
    { status: 403, uiLocales },
  );
}
