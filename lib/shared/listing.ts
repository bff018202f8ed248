import type { FoundRecord, Storage } from '../storage/storage.ts';
import type { Issuer } from './issuer.ts';

/** Name of the index by which all records of a kind are listed. */
const listed = 'listed';

/** First characters of the digest in a record's id, in byte order: in a Redis Cluster each is one key on one server. */
const shards = [...'-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'];

/** How many index values are read at once. */
const width = 16;

/** Index entry of a record that an operator can list. @param id as `recordId` makes it */
export function listedIndex(id: string): { readonly [name: string]: string } {
  return { [listed]: id.slice(0, id.indexOf(':') + 2) };
}

export interface ListPage {
  readonly limit: number;
  /** The last id of the page before. */
  readonly after?: string | undefined;
}

/** Records of a kind of one issuer by ascending id; a page shorter than `limit` is the last one. */
export async function listRecords(
  storage: Storage,
  kind: string,
  { tag }: Issuer,
  { limit, after }: ListPage,
): Promise<FoundRecord[]> {
  const first = after === undefined ? shards : shards.slice(shards.indexOf(after.charAt(tag.length + 1)));
  const found: FoundRecord[] = [];
  for (let index = 0; index < first.length && found.length < limit; index += width) {
    const page = { limit, ...(after !== undefined && { after }) };
    const values = first.slice(index, index + width).map((shard) => `${tag}:${shard}`);
    const pages = await Promise.all(values.map((value) => storage.find(kind, listed, value, page)));
    found.push(...pages.flat());
  }
  return found.slice(0, limit);
}
