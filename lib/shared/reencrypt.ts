import type { FoundRecord, Storage } from '../storage/storage.ts';
import type { KeyRing } from './key-ring.ts';
import { type SealedKind, sealedBy, sealedByValue, sealedIndex, shards } from './sealed-records.ts';

/** What a run of {@link reencrypt} came to. */
export interface Reencryption {
  /** Records that are sealed under the current secret now, and were not before. */
  readonly resealed: number;
  /** Records still sealed under a previous secret. At 0 nothing that stays needs the previous secrets any more. */
  readonly left: number;
}

const pageSize = 100;
/** Records that a server wrote at the same moment are tried again. */
const attempts = 3;

/**
 * Seals anew what was sealed under a previous secret, a page at a time, beside servers at work: compare-and-set, so that
 * nothing that was deleted, has expired or was written meanwhile comes back. What is done leaves the index, so a run that
 * was cut off goes on where it was.
 * @throws StorageUnavailableError
 */
export async function reencrypt(storage: Storage, ring: KeyRing, kinds: readonly SealedKind[]): Promise<Reencryption> {
  async function* pages(sealed: SealedKind): AsyncGenerator<FoundRecord[]> {
    for (const keyId of ring.keyIds.slice(1)) {
      for (const shard of shards) {
        let page: FoundRecord[] = [];
        do {
          const after = page.at(-1)?.id;
          const from = { limit: pageSize, ...(after !== undefined && { after }) };
          page = await storage.find(sealed.kind, sealedBy, sealedByValue(keyId, shard), from);
          if (page.length > 0) yield page;
        } while (page.length === pageSize);
      }
    }
  }

  async function reseal(sealed: SealedKind, record: FoundRecord): Promise<boolean> {
    const { kind, member, boundTo, ownIndex } = sealed;
    const { id, version, value, expiresAt } = record;
    const opened = ring.open(boundTo(id), String(value[member]));
    if (opened === undefined) return false;
    const text = ring.seal(boundTo(id), opened);
    return storage.replace(
      kind,
      id,
      version,
      { ...value, [member]: text },
      { ...(expiresAt !== undefined && { expiresAt }), index: { ...ownIndex?.(record), ...sealedIndex(id, text) } },
    );
  }

  async function resealAll(): Promise<{ resealed: number; isComplete: boolean }> {
    let resealed = 0;
    let found = 0;
    for (const sealed of kinds) {
      for await (const page of pages(sealed)) {
        const outcomes = await Promise.all(page.map((record) => reseal(sealed, record)));
        found += page.length;
        resealed += outcomes.filter(Boolean).length;
      }
    }
    return { resealed, isComplete: resealed === found };
  }

  let resealed = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const pass = await resealAll();
    resealed += pass.resealed;
    if (pass.isComplete) break;
  }
  let left = 0;
  for (const sealed of kinds) for await (const page of pages(sealed)) left += page.length;
  return { resealed, left };
}
