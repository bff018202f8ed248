import type { ClientMetadata } from '../options.ts';
import { accountIdOf } from '../shared/account-id.ts';
import type { Blocks } from '../shared/blocks.ts';
import type { Identity } from '../shared/identity.ts';
import type { Issuer } from '../shared/issuer.ts';
import { listRecords } from '../shared/listing.ts';
import { recordId } from '../shared/record-ids.ts';
import type { FoundRecord, Storage } from '../storage/storage.ts';

/** One page of anything. */
export interface AdminPage<Item> {
  readonly items: readonly Item[];
  /** Give it as `cursor` for the next page; null on the last. A search may give a page without items and a cursor. */
  readonly next: string | null;
}

/** What a list is asked for. */
export interface AdminQuery {
  readonly limit: number;
  readonly cursor: string | undefined;
  /** Text that an item must hold, without regard to case. */
  readonly search: string | undefined;
}

export interface AdminClient {
  readonly id: string;
  readonly name: string | null;
  readonly kind: 'registered' | 'configured';
  readonly redirectUris: readonly string[];
  /** UNIX seconds. */
  readonly expiresAt: number | null;
}

export interface AdminUser {
  readonly id: string;
  readonly iss: string;
  readonly sub: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly roles: readonly string[];
}

/** What a client may do for a user. */
export interface AdminGrant {
  readonly id: string;
  readonly user: string;
  readonly clientId: string;
  readonly resource: string | null;
  readonly scopes: readonly string[];
  /** UNIX seconds. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

export interface AdminConnection {
  readonly user: string;
  readonly upstream: string;
  readonly displayName: string;
  /** UNIX seconds. */
  readonly connectedAt: number;
}

export interface DirectoryOptions {
  readonly storage: Storage;
  readonly blocks: Blocks;
  readonly fixedClients: readonly ClientMetadata[];
  readonly connections: (
    issuer: Issuer,
    identity: Pick<Identity, 'iss' | 'sub'>,
  ) => Promise<readonly Omit<AdminConnection, 'user'>[]>;
}

/** Reads what an operator may see: never a token, a secret, or anything that works as one. */
export interface Directory {
  clients(issuer: Issuer, query: AdminQuery): Promise<AdminPage<AdminClient>>;
  users(issuer: Issuer, query: AdminQuery): Promise<AdminPage<AdminUser>>;
  /** Of one user, of one client, or user by user. */
  grants(issuer: Issuer, query: AdminQuery, of: { user?: string; client?: string }): Promise<AdminPage<AdminGrant>>;
  /** Of one user, or user by user. */
  connections(issuer: Issuer, query: AdminQuery, of: { user?: string }): Promise<AdminPage<AdminConnection>>;
  blocks(issuer: Issuer, query: AdminQuery): Promise<AdminPage<unknown>>;
  user(issuer: Issuer, account: string): Promise<AdminUser | undefined>;
}

/** Records that one request looks at in a search. */
const maxScanned = 500;
const batchSize = 100;
/** Grants of one user that are shown where all users' are. */
const maxOfUser = 100;

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

function toClient({ value, expiresAt }: FoundRecord): AdminClient {
  const { client_id: id, client_name: name, redirect_uris: redirectUris } = value;
  return {
    id: String(id),
    name: text(name),
    kind: 'registered',
    redirectUris: strings(redirectUris),
    expiresAt: expiresAt ?? null,
  };
}

function toUser(value: Record<string, unknown>): AdminUser {
  const { iss, sub, roles, claims = {} } = value as unknown as Partial<Identity>;
  const identity = { iss: String(iss), sub: String(sub) };
  const { name, email } = claims as Record<string, unknown>;
  return { id: accountIdOf(identity), ...identity, name: text(name), email: text(email), roles: strings(roles) };
}

function toGrant({ id, value, expiresAt }: FoundRecord): AdminGrant {
  const { clientId, accountId, iat, resources = {} } = value as { resources?: Record<string, string> } & typeof value;
  const [granted] = Object.entries(resources);
  return {
    id,
    user: String(accountId),
    clientId: String(clientId),
    resource: granted?.[0] ?? null,
    scopes: granted?.[1].split(' ').filter(Boolean) ?? [],
    createdAt: typeof iat === 'number' ? iat : 0,
    expiresAt: expiresAt ?? null,
  };
}

function holds(item: unknown, search: string | undefined): boolean {
  return search === undefined || JSON.stringify(item).toLowerCase().includes(search.toLowerCase());
}

export function createDirectory({ storage, blocks, fixedClients, connections }: DirectoryOptions): Directory {
  /** Pages of records, as items that a search finds: bounded work for each request, whatever is searched. */
  async function pageOf<Item>(
    { limit, cursor, search }: AdminQuery,
    read: (page: { limit: number; after: string | undefined }) => Promise<FoundRecord[]>,
    toItem: (record: FoundRecord) => Item,
  ): Promise<AdminPage<Item>> {
    const items: Item[] = [];
    const size = search === undefined ? limit : batchSize;
    let after = cursor;
    for (let scanned = 0; scanned < maxScanned; scanned += size) {
      const records = await read({ limit: size, after });
      for (const record of records) {
        after = record.id;
        const item = toItem(record);
        if (holds(item, search)) items.push(item);
        if (items.length === limit) return { items, next: after };
      }
      if (records.length < size) return { items, next: null };
    }
    return { items, next: after ?? null };
  }

  const listed = (kind: string, issuer: Issuer) => (page: { limit: number; after: string | undefined }) =>
    listRecords(storage, kind, issuer, page);

  const found =
    (index: 'account' | 'client', issuer: Issuer, name: string) =>
    ({ limit, after }: { limit: number; after: string | undefined }) =>
      storage.find('Grant', index, recordId(issuer, name), { limit, ...(after !== undefined && { after }) });

  /** Something of each of the next users. */
  async function byUser<Item>(
    issuer: Issuer,
    { limit, cursor, search }: AdminQuery,
    of: (user: AdminUser) => Promise<readonly Item[]>,
  ): Promise<AdminPage<Item>> {
    const users = await listRecords(storage, 'Identity', issuer, { limit: Math.min(limit, 25), after: cursor });
    const items = await Promise.all(users.map(({ value }) => of(toUser(value))));
    const isLast = users.length < Math.min(limit, 25);
    return {
      items: items.flat().filter((item) => holds(item, search)),
      next: isLast ? null : (users.at(-1)?.id ?? null),
    };
  }

  async function user(issuer: Issuer, account: string): Promise<AdminUser | undefined> {
    const record = await storage.get('Identity', recordId(issuer, account));
    return record && toUser(record.value);
  }

  return {
    user,

    async clients(issuer, query) {
      const page = await pageOf(query, listed('Client', issuer), toClient);
      if (query.cursor !== undefined) return page;
      const configured = fixedClients.map(
        ({ client_id: id, client_name: name, redirect_uris: redirectUris }): AdminClient => ({
          id,
          name: text(name),
          kind: 'configured',
          redirectUris: strings(redirectUris),
          expiresAt: null,
        }),
      );
      return { ...page, items: [...configured.filter((item) => holds(item, query.search)), ...page.items] };
    },

    users: (issuer, query) => pageOf(query, listed('Identity', issuer), ({ value }) => toUser(value)),

    async grants(issuer, query, { user: account, client }) {
      if (account !== undefined) {
        const page = await pageOf(query, found('account', issuer, account), toGrant);
        return { ...page, items: page.items.filter(({ clientId }) => client === undefined || clientId === client) };
      }
      if (client !== undefined) return pageOf(query, found('client', issuer, client), toGrant);
      return byUser(issuer, query, async ({ id }) =>
        (await found('account', issuer, id)({ limit: maxOfUser, after: undefined })).map(toGrant),
      );
    },

    async connections(issuer, query, { user: account }) {
      const of = async ({ id, iss, sub }: AdminUser): Promise<AdminConnection[]> =>
        (await connections(issuer, { iss, sub })).map((connection) => ({ user: id, ...connection }));
      if (account === undefined) return byUser(issuer, query, of);
      const known = await user(issuer, account);
      return { items: known ? await of(known) : [], next: null };
    },

    async blocks(issuer, { limit, cursor }) {
      const items = await blocks.list(issuer, { limit, after: cursor });
      return { items, next: items.length === limit ? (items.at(-1)?.id ?? null) : null };
    },
  };
}
