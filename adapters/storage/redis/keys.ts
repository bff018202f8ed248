/**
 * Where things are. A key is the prefix, what it is, and names: all but the last name are percent-encoded, so no name
 * can end early. Keys that one script uses together share a hash tag, and with it a slot, and no other keys do, unless
 * the prefix has a tag of its own, which puts everything into one slot.
 */
export interface Keys {
  readonly record: (address: string) => string;
  /** `[tombstone, members]`; members by their expiry. */
  readonly grant: (grantId: string) => readonly [tombstone: string, members: string];
  /** `[by expiry, by id]`: the same members twice. */
  readonly index: (kind: string, name: string, value: string) => readonly [byExpiry: string, byId: string];
  readonly counter: (key: string) => string;
  readonly ping: string;
}

export function createKeys(prefix: string): Keys {
  return {
    record: (address) => `${prefix}record:${address}`,
    grant(grantId) {
      const tagged = `${prefix}{grant:${encodeURIComponent(grantId)}}`;
      return [`${tagged}:tombstone`, `${tagged}:members`];
    },
    index(kind, name, value) {
      const tagged = `${prefix}{index:${[kind, name, value].map(encodeURIComponent).join(':')}}`;
      return [`${tagged}:by-expiry`, `${tagged}:by-id`];
    },
    counter: (key) => `${prefix}counter:${key}`,
    ping: `${prefix}ping`,
  };
}

/** A record's name among all records of the store. */
export function addressOf(kind: string, id: string): string {
  return `${encodeURIComponent(kind)}:${id}`;
}

export function kindAndIdOf(address: string): readonly [kind: string, id: string] {
  const end = address.indexOf(':');
  return [decodeURIComponent(address.slice(0, end)), address.slice(end + 1)];
}
