import { randomBytes } from 'node:crypto';
import type { FoundRecord, Storage } from '../storage/storage.ts';
import type { Issuer } from './issuer.ts';
import { providerTokensKind } from './provider-tokens.ts';
import { recordId } from './record-ids.ts';
import { type SealedKind, sealedIndex } from './sealed-records.ts';
import type { KeyRingSource } from './secrets.ts';

/** One login of one person: what a browser session rests on, and what the identity provider calls it. */
export interface SignIn {
  readonly accountId: string;
  /** `iss` and `sub` of the ID token as they are, whatever the identity's subject was made of. */
  readonly iss: string;
  readonly subject: string;
  /** Session id at the identity provider (OpenID Connect Back-Channel Logout 1.0 section 2.1). */
  readonly sid?: string;
  /** Which of several identity providers. */
  readonly provider?: string;
  /** When the person proved who they are, UNIX seconds: `auth_time`, or when the login came back. */
  readonly authTime: number;
  /** The ID token, for `id_token_hint` at logout. */
  readonly idToken?: string;
}

/** A sign-in found by what an identity provider or a user said. */
export interface FoundSignIn {
  /** Record id: names the sign-in for {@link SignIns.end} and for its grants. */
  readonly key: string;
  readonly accountId: string;
  readonly subject: string;
  readonly sid: string | undefined;
}

/**
 * Sign-ins of an issuer. Sessions are written under their sign-in: when that ends they are gone everywhere, and a request
 * in flight cannot write them back.
 */
export interface SignIns {
  /** @returns the id that the browser session carries */
  begin(issuer: Issuer, signIn: SignIn): Promise<string>;
  find(issuer: Issuer, id: string): Promise<SignIn | undefined>;
  /** Those of an account, or of a subject or session at an identity provider. */
  findAll(issuer: Issuer, by: SignInQuery): AsyncGenerator<FoundSignIn>;
  /** Ends its sessions. Grants are ended by their own stage, before {@link SignIns.forget}. */
  end(key: string): Promise<void>;
  /** Removes the record, and the provider's tokens with it, once nothing of it is left. */
  forget(key: string): Promise<void>;
  /** A grant of this sign-in lives on: the record lives as long. */
  extend(issuer: Issuer, key: string): Promise<void>;
}

export type SignInQuery =
  | { readonly by: 'account'; readonly accountId: string }
  | { readonly by: 'subject'; readonly iss: string; readonly subject: string }
  | { readonly by: 'sid'; readonly iss: string; readonly sid: string };

export interface SignInsOptions {
  readonly storage: Storage;
  readonly keyRing: KeyRingSource;
  /** Life of a session, seconds. */
  readonly sessionSeconds: number;
  /** Life of what may be granted in a session, seconds from its end. */
  readonly grantSeconds: number;
  /** UNIX milliseconds. */
  readonly now?: () => number;
}

const kind = 'SignIn';
const pageSize = 100;

/** What sessions and grants of a sign-in name it by in storage. */
export function signInKey(issuer: Issuer, id: string): string {
  return recordId(issuer, id);
}

type Partition = Pick<Issuer, 'tag'>;

/** One index value for a name that is only unique at its identity provider. */
function indexValue(issuer: Partition, iss: string, name: string): string {
  return recordId(issuer, JSON.stringify([iss, name]));
}

function indexOf(issuer: Partition, query: SignInQuery): { name: string; value: string } {
  switch (query.by) {
    case 'account':
      return { name: 'account', value: recordId(issuer, query.accountId) };
    case 'subject':
      return { name: 'subject', value: indexValue(issuer, query.iss, query.subject) };
    case 'sid':
      return { name: 'sid', value: indexValue(issuer, query.iss, query.sid) };
  }
}

/** Everything by which a sign-in is found. */
function indexesOf(issuer: Partition, { accountId, iss, subject, sid }: SignIn): Record<string, string> {
  const queries: SignInQuery[] = [
    { by: 'account', accountId },
    { by: 'subject', iss, subject },
    ...(sid === undefined ? [] : [{ by: 'sid', iss, sid } as const]),
  ];
  return Object.fromEntries(queries.map((query) => [query.by, indexOf(issuer, query).value]));
}

/** ID tokens of sign-ins. */
export const sealedSignIns: SealedKind = {
  kind,
  member: 'sealed',
  boundTo: (key) => key,
  ownIndex: ({ id, value }) => indexesOf({ tag: id.slice(0, id.indexOf(':')) }, value as unknown as SignIn),
};

/** How often a record that was written meanwhile is read again. */
const attempts = 3;

export function createSignIns(options: SignInsOptions): SignIns {
  const { storage, keyRing, sessionSeconds, grantSeconds, now = () => Date.now() } = options;
  const nowSeconds = () => Math.floor(now() / 1000);
  const endsAt = () => nowSeconds() + sessionSeconds + grantSeconds;

  return {
    async begin(issuer, { idToken, ...signIn }) {
      const id = randomBytes(32).toString('base64url');
      const key = signInKey(issuer, id);
      const sealed = idToken === undefined ? {} : { sealed: (await keyRing()).seal(key, idToken) };
      const value: Record<string, unknown> = { ...signIn, ...sealed };
      const index = { ...indexesOf(issuer, signIn), ...sealedIndex(key, value.sealed) };
      await storage.put(kind, key, value, { expiresAt: endsAt(), index });
      return id;
    },

    async find(issuer, id) {
      const key = signInKey(issuer, id);
      const record = await storage.get(kind, key);
      if (!record) return undefined;
      const { sealed, ...signIn } = record.value;
      const idToken = typeof sealed === 'string' ? (await keyRing()).open(key, sealed) : undefined;
      return { ...(signIn as unknown as SignIn), ...(idToken !== undefined && { idToken }) };
    },

    async *findAll(issuer, query) {
      const { name, value } = indexOf(issuer, query);
      let page: FoundRecord[] = [];
      do {
        const after = page.at(-1)?.id;
        page = await storage.find(kind, name, value, { limit: pageSize, ...(after !== undefined && { after }) });
        for (const record of page) {
          const { accountId, subject, sid } = record.value as unknown as SignIn;
          yield { key: record.id, accountId, subject, sid };
        }
      } while (page.length === pageSize);
    },

    end: (key) => storage.deleteByGrant(key, nowSeconds() + sessionSeconds),

    async forget(key) {
      await storage.delete(kind, key);
      await storage.delete(providerTokensKind, key);
    },

    async extend(issuer, key) {
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const record = await storage.get(kind, key);
        if (!record) return;
        const { version, value } = record;
        const index = { ...indexesOf(issuer, value as unknown as SignIn), ...sealedIndex(key, value.sealed) };
        if (await storage.replace(kind, key, version, value, { expiresAt: endsAt(), index })) return;
      }
    },
  };
}
