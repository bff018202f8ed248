import { type Block, type Blocks, type BlockType, documentHosts } from '../shared/blocks.ts';
import type { EventSink } from '../shared/events.ts';
import type { Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';
import type { Directory } from './directory.ts';

/** Whose grants end. */
interface Selection {
  readonly sub?: string;
  readonly idp?: string;
  readonly clientId?: string;
}

export interface ActsOptions {
  readonly storage: Storage;
  readonly events: EventSink;
  readonly directory: Directory;
  readonly blocks: Blocks;
  /** Ends grants, and without `clientId` sessions. */
  readonly revoke: (issuer: Issuer, selection: Selection) => Promise<{ grants: number }>;
  readonly endGrant: (issuer: Issuer, account: string, id: string) => Promise<boolean>;
  readonly disconnect: (issuer: Issuer, identity: Pick<Identity, 'iss' | 'sub'>, upstream: string) => Promise<boolean>;
  readonly rotateKeys: (issuer: Issuer) => Promise<boolean>;
  /** Forgets tokens that this process remembers. */
  readonly forget: () => void;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

/** Whose request it is, as the guard says. */
export interface Actor {
  readonly issuer: Issuer;
  readonly name: string;
}

/** What an operator can do. Each is an event with the actor, also where there was nothing to do. */
export interface Acts {
  /** Removes a registration and ends its grants. A client of the options stays, without grants. */
  removeClient(actor: Actor, clientId: string): Promise<{ grants: number }>;
  /** Ends the sessions and grants of a user. @returns undefined for an account that is none */
  revokeUser(actor: Actor, account: string): Promise<{ grants: number } | undefined>;
  endGrant(actor: Actor, id: string): Promise<boolean>;
  disconnect(actor: Actor, account: string, upstream: string): Promise<boolean>;
  rotateKeys(actor: Actor): Promise<{ rotated: boolean }>;
  /** Blocks, and ends the grants of what is blocked. */
  block(actor: Actor, given: { type: BlockType; value: string; reason?: string }): Promise<Block & { grants: number }>;
  unblock(actor: Actor, id: string): Promise<boolean>;
}

/** Grants that are looked at to find those of a document's host. */
const scanSize = 100;

export function createActs(options: ActsOptions): Acts {
  const { storage, events, directory, blocks, now = Date.now } = options;

  function tell({ name: actor }: Actor, act: AdminAct, target?: string, reason?: string): void {
    const about = { ...(target !== undefined && { target }), ...(reason !== undefined && { reason }) };
    events.emit({ type: 'admin.acted', actor, act, ...about });
  }

  async function revokeUser({ issuer }: Actor, account: string): Promise<{ grants: number } | undefined> {
    const user = await directory.user(issuer, account);
    return user && options.revoke(issuer, { sub: user.sub, idp: user.iss });
  }

  /** Clients by document are known by their grants alone. */
  async function endGrantsOfHost(issuer: Issuer, host: string): Promise<number> {
    const clientIds = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await directory.grants(issuer, { limit: scanSize, cursor, search: undefined }, {});
      for (const { clientId } of page.items) if (documentHosts(clientId).includes(host)) clientIds.add(clientId);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    let ended = 0;
    for (const clientId of clientIds) ended += (await options.revoke(issuer, { clientId })).grants;
    return ended;
  }

  async function endGrantsOf(actor: Actor, { type, value }: Pick<Block, 'type' | 'value'>): Promise<number> {
    switch (type) {
      case 'client':
        return (await options.revoke(actor.issuer, { clientId: value })).grants;
      case 'user':
        return (await revokeUser(actor, value))?.grants ?? 0;
      case 'cimd-host':
        return endGrantsOfHost(actor.issuer, value);
    }
  }

  return {
    async removeClient(actor, clientId) {
      await storage.delete('Client', recordId(actor.issuer, clientId));
      const ended = await options.revoke(actor.issuer, { clientId });
      tell(actor, 'client.removed', clientId);
      return ended;
    },

    async revokeUser(actor, account) {
      const ended = await revokeUser(actor, account);
      if (ended) tell(actor, 'user.revoked', account);
      return ended;
    },

    async endGrant(actor, id) {
      const record = await storage.get('Grant', id);
      const account = record?.value.accountId;
      const isEnded = typeof account === 'string' && (await options.endGrant(actor.issuer, account, id));
      if (isEnded) tell(actor, 'grant.ended', id);
      return isEnded;
    },

    async disconnect(actor, account, upstream) {
      const user = await directory.user(actor.issuer, account);
      const isEnded = user !== undefined && (await options.disconnect(actor.issuer, user, upstream));
      if (isEnded) tell(actor, 'connection.ended', `${upstream} of ${account}`);
      return isEnded;
    },

    async rotateKeys(actor) {
      const rotated = await options.rotateKeys(actor.issuer);
      tell(actor, 'keys.rotated', undefined, rotated ? undefined : 'a new key is on its way already');
      return { rotated };
    },

    async block(actor, { type, value, reason }) {
      const at = Math.floor(now() / 1000);
      const given = { type, value, at, actor: actor.name, ...(reason !== undefined && { reason }) };
      // The block first: what is granted from now on finds it, and what was granted before is ended.
      const block = await blocks.add(actor.issuer, given);
      options.forget();
      const grants = await endGrantsOf(actor, block);
      tell(actor, 'block.added', `${type} ${value}`, reason);
      return { ...block, grants };
    },

    async unblock(actor, id) {
      const block = await blocks.remove(actor.issuer, id);
      if (block) tell(actor, 'block.removed', `${block.type} ${block.value}`);
      return block !== undefined;
    },
  };
}

type AdminAct = Extract<Parameters<EventSink['emit']>[0], { type: 'admin.acted' }>['act'];
