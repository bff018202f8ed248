import { BodyError, type Exchange, readForm } from '../shared/http.ts';
import type { KeyRing } from '../shared/key-ring.ts';
import { foreignForm } from '../shared/own-form.ts';

/**
 * A decision counts only as a form of our page, posted by the browser that got it (RFC 9700 section 4.7).
 * @param text what the form's token is bound to
 * @returns undefined for anything else
 */
export async function readConnectForm(
  exchange: Exchange,
  ring: KeyRing,
  text: string,
): Promise<URLSearchParams | undefined> {
  try {
    const form = await readForm(exchange.req);
    return foreignForm(exchange, ring, text, form.get('csrf')) ? undefined : form;
  } catch (error) {
    if (error instanceof BodyError) return undefined;
    throw error;
  }
}
