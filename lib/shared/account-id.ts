import { hash } from 'node:crypto';

/** One local account for one (iss, sub). */
export function accountIdOf(identity: { readonly iss: string; readonly sub: string }): string {
  return hash('sha256', JSON.stringify([identity.iss, identity.sub]), 'base64url');
}
