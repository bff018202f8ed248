import { hash } from 'node:crypto';
import type { Storage } from '../storage/storage.ts';
import type { Issuer } from './issuer.ts';
import { recordId } from './record-ids.ts';

/** Who signed in, as the identity provider says: the key is (iss, sub), never the email (OpenID Connect Core section 5.7). */
export interface Identity {
  readonly iss: string;
  readonly sub: string;
  /** Roles as a plain array, whatever the claim was called. */
  readonly roles: readonly string[];
  /** Chosen further claims, such as name and email. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** One local account for one (iss, sub). */
export function accountIdOf(identity: Pick<Identity, 'iss' | 'sub'>): string {
  return hash('sha256', JSON.stringify([identity.iss, identity.sub]), 'base64url');
}

/** What a person is called on a page. */
export function nameOf(identity: Identity): string {
  const { name, email, preferred_username: username } = identity.claims;
  const named = [name, email, username].find((value) => typeof value === 'string' && value.trim() !== '');
  return (named as string | undefined) ?? identity.sub;
}

export interface Identities {
  /**
   * Writes the record of a login, found by `subject` and by `idp`; it lives as long as anything issued for it may.
   * @returns the account id
   */
  remember(issuer: Issuer, identity: Identity): Promise<string>;
  find(issuer: Issuer, accountId: string): Promise<Identity | undefined>;
}

const kind = 'Identity';

export function createIdentities(storage: Storage, lifetimeSeconds: number, now: () => number = Date.now): Identities {
  return {
    async remember(issuer, identity) {
      const accountId = accountIdOf(identity);
      const expiresAt = Math.floor(now() / 1000) + lifetimeSeconds;
      const index = { subject: recordId(issuer, identity.sub), idp: recordId(issuer, identity.iss) };
      await storage.put(kind, recordId(issuer, accountId), { ...identity }, { expiresAt, index });
      return accountId;
    },
    async find(issuer, accountId) {
      const record = await storage.get(kind, recordId(issuer, accountId));
      return record?.value as unknown as Identity | undefined;
    },
  };
}
