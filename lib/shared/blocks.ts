import { type Storage, StorageUnavailableError } from '../storage/storage.ts';
import { accountIdOf } from './account-id.ts';
import type { Issuer } from './issuer.ts';
import { listedIndex, listRecords } from './listing.ts';
import { recordId } from './record-ids.ts';

/** What an operator can block: a client by its id, clients by the host of their metadata document, a user by the account. */
export type BlockType = 'client' | 'cimd-host' | 'user';

/** One block. */
export interface Block {
  readonly id: string;
  readonly type: BlockType;
  /** Client id, host, or account. */
  readonly value: string;
  /** UNIX seconds. */
  readonly at: number;
  /** Who set it, as the guard says. */
  readonly actor: string;
  readonly reason?: string;
}

/** Blocks of an issuer: the same on every replica after a second at most. */
export interface Blocks {
  /**
   * What of a client or a user is blocked; undefined where nothing is.
   * @param isExact asks the store now, for tokens that nothing else is looked up for: where it does not answer, what was last known
   * counts, since they are valid without it
   */
  blockOf(
    issuer: Issuer,
    who: { readonly clientId?: string; readonly user?: { readonly iss: string; readonly sub: string } },
    isExact?: boolean,
  ): Promise<BlockType | undefined>;
  hasClient(issuer: Issuer, clientId: string): Promise<boolean>;
  hasUser(issuer: Issuer, user: { readonly iss: string; readonly sub: string }): Promise<boolean>;
  add(issuer: Issuer, block: Omit<Block, 'id'>): Promise<Block>;
  /** @returns the block; undefined where there was none */
  remove(issuer: Issuer, id: string): Promise<Block | undefined>;
  list(issuer: Issuer, page: { limit: number; after?: string | undefined }): Promise<Block[]>;
}

const kind = 'Block';
/** Written anew with every change: who has read the blocks knows by its version whether they are the same. */
const revisionKind = 'BlockRevision';
const pageSize = 100;
const maxIssuers = 512;

interface Snapshot {
  readonly version: string | undefined;
  readonly values: ReadonlySet<string>;
  readonly readAt: number;
}

const unread: Snapshot = { version: undefined, values: new Set(), readAt: 0 };

const key = (type: BlockType, value: string) => `${type} ${value}`;

/** A host in its one spelling: the root's dot names the same one (RFC 1034 section 3.1). */
export function blockedHost({ hostname, port }: Pick<URL, 'hostname' | 'port'>): string {
  const name = hostname.replace(/\.$/, '');
  return port === '' ? name : `${name}:${port}`;
}

/** What blocks a client by the host of its metadata document: the host on every port, or on this one. */
export function documentHosts(clientId: string): readonly string[] {
  const url = URL.parse(clientId);
  if (url?.protocol !== 'https:') return [];
  const { hostname, port } = url;
  return [...new Set([blockedHost({ hostname, port: '' }), blockedHost({ hostname, port })])];
}

/**
 * @param storage of all replicas
 * @param maxAgeSeconds how old the knowledge of a process may be
 */
export function createBlocks(storage: Storage, maxAgeSeconds: number, now: () => number = Date.now): Blocks {
  const snapshots = new Map<string, Snapshot>();
  const reading = new Map<string, Promise<Snapshot>>();
  const revisionId = (issuer: Issuer) => recordId(issuer, 'blocks');

  async function readAll(issuer: Issuer): Promise<Set<string>> {
    const values = new Set<string>();
    let after: string | undefined;
    do {
      const page = await listRecords(storage, kind, issuer, { limit: pageSize, after });
      for (const { value } of page) values.add(key(value.type as BlockType, String(value.value)));
      after = page.length === pageSize ? page.at(-1)?.id : undefined;
    } while (after !== undefined);
    return values;
  }

  async function read(issuer: Issuer): Promise<Snapshot> {
    const readAt = now(); // The age counts from before the look.
    const version = (await storage.get(revisionKind, revisionId(issuer)))?.version;
    const known = snapshots.get(issuer.tag);
    const isSame = known !== undefined && known.version === version;
    const values = isSame ? known.values : version === undefined ? new Set<string>() : await readAll(issuer);
    const snapshot = { version, values, readAt };
    if (snapshots.size >= maxIssuers) snapshots.delete(snapshots.keys().next().value as string);
    snapshots.set(issuer.tag, snapshot);
    return snapshot;
  }

  function current(issuer: Issuer, isExact: boolean): Snapshot | Promise<Snapshot> {
    const known = snapshots.get(issuer.tag);
    if (!isExact && known && now() - known.readAt < maxAgeSeconds * 1000) return known;
    if (isExact)
      return read(issuer).catch((error: unknown) => {
        if (error instanceof StorageUnavailableError) return snapshots.get(issuer.tag) ?? unread;
        throw error;
      });
    const running = reading.get(issuer.tag);
    if (running) return running;
    const started = read(issuer).finally(() => reading.delete(issuer.tag));
    reading.set(issuer.tag, started);
    return started;
  }

  async function changed(issuer: Issuer): Promise<void> {
    await storage.put(revisionKind, revisionId(issuer), {});
    await read(issuer);
  }

  const blockOf: Blocks['blockOf'] = async (issuer, { clientId, user }, isExact = false) => {
    const { values } = await current(issuer, isExact);
    if (values.size === 0) return undefined;
    if (clientId !== undefined && values.has(key('client', clientId))) return 'client';
    const hosts = clientId === undefined ? [] : documentHosts(clientId);
    if (hosts.some((host) => values.has(key('cimd-host', host)))) return 'cimd-host';
    return user && values.has(key('user', accountIdOf(user))) ? 'user' : undefined;
  };

  return {
    blockOf,
    hasClient: async (issuer, clientId) => (await blockOf(issuer, { clientId })) !== undefined,
    hasUser: async (issuer, user) => (await blockOf(issuer, { user })) !== undefined,

    async add(issuer, block) {
      const id = recordId(issuer, JSON.stringify([block.type, block.value]));
      await storage.put(kind, id, { ...block }, { index: listedIndex(id) });
      await changed(issuer);
      return { ...block, id };
    },

    async remove(issuer, id) {
      if (!id.startsWith(`${issuer.tag}:`)) return undefined;
      const record = await storage.take(kind, id);
      await changed(issuer);
      return record && ({ ...record.value, id } as unknown as Block);
    },

    async list(issuer, page) {
      const found = await listRecords(storage, kind, issuer, page);
      return found.map(({ id, value }) => ({ ...value, id }) as unknown as Block);
    },
  };
}
