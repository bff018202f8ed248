import type { EventSink } from '../shared/events.ts';
import { accountIdOf } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
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

/** Ends grants by user, client or identity provider. @returns how many @throws TypeError for a selection of nothing */
export type Revocation = (issuer: Issuer, selection: RevocationSelection) => Promise<{ grants: number }>;

export interface RevocationOptions {
  readonly storage: Storage;
  readonly grants: Grants;
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

export function createRevocation({ storage, grants, events }: RevocationOptions): Revocation {
  /** Record ids of the accounts meant: an identity record and the grants of its account share one key. */
  async function* accounts(issuer: Issuer, { sub, idp }: RevocationSelection): AsyncGenerator<string> {
    if (sub !== undefined && idp !== undefined) return yield recordId(issuer, accountIdOf({ iss: idp, sub }));
    const [index, value] = sub !== undefined ? ['subject', sub] : ['idp', idp as string];
    for await (const { id } of findAll(storage, 'Identity', index, recordId(issuer, value))) yield id;
  }

  return async (issuer, selection) => {
    requireSelection(selection);
    const { sub, clientId, idp } = selection;
    let ended = 0;
    if (sub === undefined && idp === undefined) {
      ended = await grants.endAll({ index: 'client', key: recordId(issuer, clientId as string) });
    } else {
      for await (const key of accounts(issuer, selection))
        ended += await grants.endAll({ index: 'account', key }, clientId);
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
