import { isDeepStrictEqual } from 'node:util';
import type { Storage, StoredRecord } from '../storage/storage.ts';
import { accountIdOf } from './account-id.ts';
import type { Issuer } from './issuer.ts';
import { listedIndex } from './listing.ts';
import { readRecord } from './read-ahead.ts';
import { recordId } from './record-ids.ts';

export { accountIdOf };

/** Who signed in, as the identity provider says: the key is (iss, sub), never the email (OpenID Connect Core section 5.7). */
export interface Identity {
  readonly iss: string;
  readonly sub: string;
  /** Roles as a plain array, whatever the claim was called. */
  readonly roles: readonly string[];
  /** Chosen further claims, such as name and email. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What a person is called on a page. */
export function nameOf(identity: Identity): string {
  const { name, email, preferred_username: username } = identity.claims;
  const named = [name, email, username].find((value) => typeof value === 'string' && value.trim() !== '');
  return (named as string | undefined) ?? identity.sub;
}

/** What an assertion says of a person: less than a login does, as a rule. */
export interface AssertedIdentity extends Pick<Identity, 'iss' | 'sub' | 'claims'> {
  /** Absent: the assertion says nothing of roles. */
  readonly roles?: readonly string[];
}

export interface Identities {
  /**
   * Writes the record of a login, found by `subject` and by `idp`; it lives as long as anything issued for it may.
   * @returns the account id
   */
  remember(issuer: Issuer, identity: Identity): Promise<string>;
  /**
   * Takes an assertion of the same identity provider into the record of the person's logins, compare-and-set: what it does
   * not say stays. Writes only where something changes or the record would end before what is issued for it.
   * @returns the account id
   */
  assert(issuer: Issuer, asserted: AssertedIdentity): Promise<string>;
  /** The account id, where the record says already what the assertion does: {@link assert} would write nothing. */
  known(issuer: Issuer, asserted: AssertedIdentity): Promise<string | undefined>;
  find(issuer: Issuer, accountId: string): Promise<Identity | undefined>;
}

const kind = 'Identity';
/** How much of its life a record may have lost before an assertion renews it, seconds. */
const renewSeconds = 30;

/** A record with what an assertion adds. */
function withAssertion(known: Record<string, unknown>, { roles, claims }: AssertedIdentity): Record<string, unknown> {
  const merged = { ...(known.claims as object), ...claims };
  return { ...known, claims: merged, ...(roles && { roles: [...roles] }) };
}

export function createIdentities(storage: Storage, lifetimeSeconds: number, now: () => number = Date.now): Identities {
  const expiry = () => Math.floor(now() / 1000) + lifetimeSeconds;
  const writeOf = (issuer: Issuer, { iss, sub }: Pick<Identity, 'iss' | 'sub'>) => {
    const found = { subject: recordId(issuer, sub), idp: recordId(issuer, iss) };
    const id = recordId(issuer, accountIdOf({ iss, sub }));
    return { expiresAt: expiry(), index: { ...found, ...listedIndex(id) } };
  };

  /** What an assertion makes of a record; undefined where nothing changes. */
  function changed(known: StoredRecord, asserted: AssertedIdentity, expiresAt: number) {
    const value = withAssertion(known.value, asserted);
    const isLasting = (known.expiresAt ?? expiresAt) >= expiresAt - renewSeconds;
    return isLasting && isDeepStrictEqual(value, known.value) ? undefined : value;
  }

  return {
    async remember(issuer, identity) {
      const accountId = accountIdOf(identity);
      await storage.put(kind, recordId(issuer, accountId), { ...identity }, writeOf(issuer, identity));
      return accountId;
    },
    async assert(issuer, asserted) {
      const accountId = accountIdOf(asserted);
      const id = recordId(issuer, accountId);
      for (;;) {
        const write = writeOf(issuer, asserted);
        const known = await storage.get(kind, id);
        if (!known) {
          if (await storage.create(kind, id, { roles: [], ...asserted }, write)) return accountId;
          continue;
        }
        const value = changed(known, asserted, write.expiresAt);
        if (!value) return accountId;
        if (await storage.replace(kind, id, known.version, value, write)) return accountId;
      }
    },
    async known(issuer, asserted) {
      const accountId = accountIdOf(asserted);
      const record = await storage.get(kind, recordId(issuer, accountId));
      return record && !changed(record, asserted, expiry()) ? accountId : undefined;
    },
    async find(issuer, accountId) {
      const record = await readRecord(storage, kind, recordId(issuer, accountId));
      return record?.value as unknown as Identity | undefined;
    },
  };
}
