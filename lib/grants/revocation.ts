import type { EventSink } from '../shared/events.ts';
import { accountIdOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { SignIns } from '../shared/sign-ins.ts';
import type { Storage } from '../storage/storage.ts';
import { findAll, type Grants } from './grants.ts';

/** Whose grants `auth.revoke` ends. At least one member; several narrow: those of this user at this client, say. */
export interface RevocationSelection {
  /** The user's subject at the identity provider, as in `req.user.sub`. With several providers, name `idp` too. */
  readonly sub?: string;
  readonly clientId?: string;
  /** Issuer identifier of the identity provider, as in `req.user.iss`: everybody who signed in there. */
  readonly idp?: string;
}

/**
 * Ends grants by user, client or identity provider; without `clientId` the sessions of these users, too.
 * @returns how many
 * @throws TypeError for a selection of nothing
 */
export type Revocation = (issuer: Issuer, selection: RevocationSelection) => Promise<{ grants: number }>;

export interface RevocationOptions {
  readonly storage: Storage;
  readonly grants: Grants;
  readonly signIns: SignIns;
  readonly events: EventSink;
}

const names = ['sub', 'clientId', 'idp'] as const satisfies readonly (keyof RevocationSelection)[];

/** A member that is there but empty is a mistake that would widen the selection: it is refused, not passed over. */
function requireSelection(selection: RevocationSelection): void {
  const given = Object.entries(selection ?? {});
  const isText = ([name, value]: [string, unknown]) =>
    (names as readonly string[]).includes(name) && typeof value === 'string' && value !== '';
  if (given.length === 0 || !given.every(isText))
    throw new TypeError(`revoke(selection): needs at least one of ${names.join(', ')}, each a non-empty string`);
}

export function createRevocation({ storage, grants, signIns, events }: RevocationOptions): Revocation {
  async function* accounts(issuer: Issuer, { sub, idp }: RevocationSelection): AsyncGenerator<string> {
    if (sub !== undefined && idp !== undefined) return yield accountIdOf({ iss: idp, sub });
    const [index, text] = sub !== undefined ? ['subject', sub] : ['idp', idp as string];
    for await (const { value } of findAll(storage, 'Identity', index, recordId(issuer, text)))
      yield accountIdOf(value as { iss: string; sub: string });
  }

  /** Sessions first: a browser that is still signed in would allow a new grant. */
  async function endAccount(issuer: Issuer, accountId: string, clientId: string | undefined): Promise<number> {
    const owner = { index: 'account', key: recordId(issuer, accountId) } as const;
    if (clientId !== undefined) return grants.endAll(owner, clientId);
    const found: string[] = [];
    for await (const { key } of signIns.findAll(issuer, { by: 'account', accountId })) found.push(key);
    for (const key of found) await signIns.end(key);
    const ended = await grants.endAll(owner);
    for (const key of found) await signIns.forget(key);
    return ended;
  }

  return async (issuer, selection) => {
    requireSelection(selection);
    const { sub, clientId, idp } = selection;
    let ended = 0;
    if (sub === undefined && idp === undefined) {
      ended = await grants.endAll({ index: 'client', key: recordId(issuer, clientId as string) });
    } else {
      for await (const accountId of accounts(issuer, selection)) ended += await endAccount(issuer, accountId, clientId);
    }
    events.emit({
      type: 'token.revoked',
      grants: ended,
      reason: `revoke: ${Object.keys(selection).join(' and ')}`,
      ...(clientId !== undefined && { clientId }),
    });
    return { grants: ended };
  };
}
