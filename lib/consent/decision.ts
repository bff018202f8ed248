import { type Exchange, readForm } from '../shared/http.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import type { LoginRequest } from '../shared/login-request.ts';
import { foreignForm } from '../shared/own-form.ts';

/** What a person decided on the consent page. */
export type Decision =
  | {
      readonly kind: 'approve';
      readonly remember: boolean;
      /** Where to sign in, if there was a choice. */
      readonly choice: LoginRequest['choice'];
    }
  | { readonly kind: 'deny' }
  /** First connect a service, then ask again. */
  | { readonly kind: 'connect'; readonly remember: boolean; readonly upstream: string };

/**
 * A decision counts only as a form of our page, posted by the browser that got it (RFC 9700 section 4.7).
 * @param text what the form's token is bound to
 * @throws BodyError
 */
export async function readDecision(
  exchange: Exchange,
  ring: KeyRing,
  text: string,
): Promise<Decision | { readonly kind: 'foreign'; readonly reason: string }> {
  const form = await readForm(exchange.req);
  const foreign = foreignForm(exchange, ring, text, form.get('csrf'));
  if (foreign !== undefined) return { kind: 'foreign', reason: `decision: ${foreign}` };
  const remember = form.get('remember') === 'yes';
  const upstream = form.get('connect');
  if (upstream !== null) return { kind: 'connect', remember, upstream };
  switch (form.get('decision')) {
    case 'approve':
      return {
        kind: 'approve',
        remember,
        choice: { provider: form.get('identity_provider'), email: form.get('email') },
      };
    case 'deny':
      return { kind: 'deny' };
    default:
      return { kind: 'foreign', reason: 'decision: neither yes nor no' };
  }
}
