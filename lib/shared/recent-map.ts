/** A map of bounded size that forgets the entry which nobody has asked for longest. */
export interface RecentMap<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
  delete(key: Key): void;
}

export function createRecentMap<Key, Value>(maxEntries: number): RecentMap<Key, Value> {
  /** The one asked for last stands last. */
  const entries = new Map<Key, Value>();

  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined || entries.size === 1) return value;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size > maxEntries) entries.delete(entries.keys().next().value as Key);
    },
    delete: (key) => void entries.delete(key),
  };
}
