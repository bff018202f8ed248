import { randomUUID } from 'node:crypto';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * Logins that a link has asked for, because a call found no live token of the identity provider: callers whose own grant
 * rests on an older login, or on none (ID-JAG), use what this one brought. It ends as every sign-in does.
 */
export interface LinkLogins {
  remember(issuer: Issuer, login: { readonly accountId: string; readonly signInId: string }): Promise<void>;
  /** The grant that the account's last such login is bound to. */
  find(issuer: Issuer, account: string): Promise<string | undefined>;
}

const kind = 'UpstreamLogin';
const keepSeconds = 180 * 86_400;

export function createLinkLogins(
  storage: Storage,
  bindGrant: (issuer: Issuer, grantId: string, signInId: string) => Promise<void>,
  now: () => number = () => Date.now(),
): LinkLogins {
  return {
    async remember(issuer, { accountId, signInId }) {
      const grantId = `upstream-login ${randomUUID()}`;
      await bindGrant(issuer, grantId, signInId);
      const expiresAt = Math.floor(now() / 1000) + keepSeconds;
      await storage.put(kind, recordId(issuer, accountId), { grantId }, { expiresAt });
    },
    async find(issuer, account) {
      const record = await storage.get(kind, recordId(issuer, account));
      return typeof record?.value.grantId === 'string' ? record.value.grantId : undefined;
    },
  };
}
