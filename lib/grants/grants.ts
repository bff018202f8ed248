import type { Issuer } from '../shared/issuer.ts';
import { recordId } from '../shared/record-ids.ts';
import type { FoundRecord, Storage } from '../storage/storage.ts';

/** What a client may do for a user, as a person sees it: no token, nothing that works as one. */
export interface GrantSummary {
  /** Names the grant in {@link Grants.end}; of no use elsewhere. */
  readonly id: string;
  readonly clientId: string;
  /** Canonical URL of the resource; undefined where it is not served any more and nothing of it was granted. */
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  /** UNIX seconds. */
  readonly createdAt: number;
  /** UNIX seconds of the last refresh, ten minutes off at most; `createdAt` where there was none. */
  readonly lastUsedAt: number;
  /** UNIX seconds. */
  readonly expiresAt: number | undefined;
}

export interface GrantPage {
  readonly grants: readonly GrantSummary[];
  /** Give it as `after` for the next page; undefined on the last. */
  readonly next: string | undefined;
}

/** All grants of an issuer: what users allowed clients. Ending one ends every token under it. */
export interface Grants {
  /** Grants of an account, in an order without meaning. @param page `limit` from 1 to 100, 50 if left out */
  list(issuer: Issuer, accountId: string, page?: { limit?: number; after?: string }): Promise<GrantPage>;
  /** Ends one grant of an account. @returns false where the account has no such grant */
  end(issuer: Issuer, accountId: string, id: string): Promise<boolean>;
  /** Ends every grant that the index names, of one client where one is given. @returns how many */
  endAll(owner: GrantOwner, clientId?: string): Promise<number>;
  /** A grant is about to be made in a sign-in, and ends with it. */
  bind(issuer: Issuer, grantId: string, signInKey: string): Promise<void>;
  /** Key of the sign-in that a grant was made in; undefined for one made without. */
  signInOf(issuer: Issuer, grantId: string): Promise<string | undefined>;
  /** A grant lives on from now, as long as a new one. */
  extend(issuer: Issuer, grantId: string): Promise<void>;
  /** A token was issued under a grant again. Writes at most every ten minutes. */
  used(issuer: Issuer, grantId: string): Promise<void>;
}

/** Whose grants: record ids, so partitioned by issuer (see `recordId`). */
export interface GrantOwner {
  readonly index: 'account' | 'client' | 'signIn';
  readonly key: string;
}

export interface GrantsOptions {
  readonly storage: Storage;
  /** How long an ended grant refuses late writes, seconds: the longest life of anything under one. */
  readonly grantSeconds: number;
  /** Called after grants ended in this process. */
  readonly onEnded: () => void;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

const kind = 'Grant';
const useKind = 'GrantUse';
const bindingKind = 'GrantSignIn';
const pageSize = 50;
const maxPageSize = 100;
const useSeconds = 600;
const maxRemembered = 10_000;

/** Records of an index, page by page. */
export async function* findAll(storage: Storage, of: string, index: string, key: string): AsyncGenerator<FoundRecord> {
  let after: string | undefined;
  do {
    const page = await storage.find(of, index, key, { limit: maxPageSize, ...(after !== undefined && { after }) });
    yield* page;
    after = page.length === maxPageSize ? page.at(-1)?.id : undefined;
  } while (after !== undefined);
}

interface GrantValue {
  readonly clientId?: unknown;
  readonly iat?: unknown;
  readonly resources?: Readonly<Record<string, string>>;
}

function summaryOf({ id, value, expiresAt }: FoundRecord, usedAt: unknown): GrantSummary {
  const { clientId, iat, resources = {} } = value as GrantValue;
  const [granted] = Object.entries(resources);
  const createdAt = typeof iat === 'number' ? iat : 0;
  return {
    id,
    clientId: String(clientId),
    resource: granted?.[0],
    scopes: granted?.[1].split(' ').filter(Boolean) ?? [],
    createdAt,
    lastUsedAt: typeof usedAt === 'number' ? usedAt : createdAt,
    expiresAt,
  };
}

export function createGrants({ storage, grantSeconds, onEnded, now = () => Date.now() }: GrantsOptions): Grants {
  /** When each grant's use has to be written again; bounded, and losing an entry costs one write. */
  const nextWrite = new Map<string, number>();
  const nowSeconds = () => Math.floor(now() / 1000);

  async function signInOf(issuer: Issuer, grantId: string): Promise<string | undefined> {
    const key = (await storage.get(bindingKind, recordId(issuer, grantId)))?.value.signInKey;
    return typeof key === 'string' ? key : undefined;
  }

  return {
    async list(issuer, accountId, { limit = pageSize, after } = {}) {
      const size = Math.min(Math.max(1, Math.trunc(limit)), maxPageSize);
      const key = recordId(issuer, accountId);
      const found = await storage.find(kind, 'account', key, { limit: size, ...(after !== undefined && { after }) });
      const uses = await Promise.all(found.map(({ id }) => storage.get(useKind, id)));
      return {
        grants: found.map((record, index) => summaryOf(record, uses[index]?.value.at)),
        next: found.length === size ? found.at(-1)?.id : undefined,
      };
    },

    async end(issuer, accountId, id) {
      const record = await storage.get(kind, id);
      // The id comes from a form: another account's or issuer's grant is none.
      if (record?.value.accountId !== accountId || !id.startsWith(`${issuer.tag}:`)) return false;
      await storage.deleteByGrant(id, nowSeconds() + grantSeconds);
      onEnded();
      return true;
    },

    async endAll({ index, key }, clientId) {
      let ended = 0;
      try {
        for await (const { id, value } of findAll(storage, index === 'signIn' ? bindingKind : kind, index, key)) {
          if (clientId !== undefined && value.clientId !== clientId) continue;
          await storage.deleteByGrant(id, nowSeconds() + grantSeconds);
          ended += 1;
        }
      } finally {
        onEnded(); // Also where the store failed half-way.
      }
      return ended;
    },

    async bind(issuer, grantId, signInKey) {
      const id = recordId(issuer, grantId);
      const expiresAt = nowSeconds() + grantSeconds;
      await storage.put(bindingKind, id, { signInKey }, { grantId: id, expiresAt, index: { signIn: signInKey } });
    },

    signInOf,

    async extend(issuer, grantId) {
      const id = recordId(issuer, grantId);
      const exp = nowSeconds() + grantSeconds;
      const record = await storage.get(kind, id);
      if (!record) return;
      const { accountId, clientId } = record.value;
      const index = { account: recordId(issuer, String(accountId)), client: recordId(issuer, String(clientId)) };
      const write = { expiresAt: exp, grantId: id };
      // Of two at the same time one is enough.
      await storage.replace(kind, id, record.version, { ...record.value, exp }, { ...write, index });
      const signInKey = await signInOf(issuer, grantId);
      if (signInKey !== undefined) {
        await storage.put(bindingKind, id, { signInKey }, { ...write, index: { signIn: signInKey } });
      }
    },

    async used(issuer, grantId) {
      const id = recordId(issuer, grantId);
      const at = nowSeconds();
      if ((nextWrite.get(id) ?? 0) > at) return;
      if (nextWrite.size >= maxRemembered) nextWrite.delete(nextWrite.keys().next().value as string);
      nextWrite.set(id, at + useSeconds);
      await storage.put(useKind, id, { at }, { grantId: id, expiresAt: at + grantSeconds });
    },
  };
}
