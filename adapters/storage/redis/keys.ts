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
  /** Two keys of different slots, which hold nothing. */
  readonly probe: readonly [string, string];
}

export function createKeys(prefix: string): Keys {
  return {
    record: (address) => `${prefix}record:${address}`,
    grant(grantId) {
      const tagged = `${prefix}{grant:${encoded('grantId', grantId)}}`;
      return [`${tagged}:tombstone`, `${tagged}:members`];
    },
    index(kind, name, value) {
      const names = [encoded('kind', kind), encoded('index name', name), encoded('index value', value)];
      const tagged = `${prefix}{index:${names.join(':')}}`;
      return [`${tagged}:by-expiry`, `${tagged}:by-id`];
    },
    counter: (key) => `${prefix}counter:${requireText('key', key)}`,
    ping: `${prefix}ping`,
    probe: [`${prefix}probe:{one}`, `${prefix}probe:{another}`],
  };
}

/** A record's name among all records of the store. */
export function addressOf(kind: string, id: string): string {
  return `${encoded('kind', kind)}:${requireText('id', id)}`;
}

export function kindAndIdOf(address: string): readonly [kind: string, id: string] {
  const end = address.indexOf(':');
  return [decodeURIComponent(address.slice(0, end)), address.slice(end + 1)];
}

/**
 * @throws TypeError for what is no text, and for what would be another one in Redis: lone surrogates become U+FFFD, and
 * U+0000 ends names here.
 */
export function requireText(what: string, text: unknown): string {
  if (typeof text !== 'string') throw new TypeError(`${what} must be a string, got ${typeof text}`);
  if (!/^[ -~]*$/.test(text) && /\0|\p{Surrogate}/u.test(text))
    throw new TypeError(`${what} must not hold U+0000 or a lone surrogate`);
  return text;
}

function encoded(what: string, text: unknown): string {
  return encodeURIComponent(requireText(what, text));
}
