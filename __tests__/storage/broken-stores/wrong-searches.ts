import { type BrokenStore, storeWithTimeTravel } from './broken-store.ts';

export const wrongSearches: readonly BrokenStore[] = [
  {
    fault: 'finds in the order of writing',
    rule: 'search: find goes by ascending id, in byte order, page by page',
    breakIt: (sound) => ({ find: async (...args) => (await sound.find(...args)).reverse() }),
  },
  {
    fault: 'finds in the order of a dictionary',
    rule: 'search: find goes by ascending id, in byte order, page by page',
    breakIt: (sound) => ({
      find: async (...args) => (await sound.find(...args)).sort((a, b) => a.id.localeCompare(b.id)),
    }),
  },
  {
    fault: 'begins a page with the last id already seen',
    rule: 'search: find begins after an id that is no longer there',
    breakIt: (sound) => ({
      async find(kind, name, value, { limit, after }) {
        const all = await sound.find(kind, name, value, { limit: 1000 });
        const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
        return all.slice(start, start + limit);
      },
    }),
  },
  {
    fault: 'counts expired records into a page',
    rule: 'search: records that are gone take no place in a page',
    breakIt: (_, clock) => {
      const { store, at } = storeWithTimeTravel(clock);
      return {
        ...store,
        async find(...args) {
          const page = await at(0, () => store.find(...args));
          return page.filter(({ expiresAt = Number.POSITIVE_INFINITY }) => expiresAt > clock.now());
        },
      };
    },
  },
  {
    fault: 'keeps the first index of a record',
    rule: 'search: put and replace write the index anew',
    breakIt: (sound) => {
      const first = new Map<string, { readonly [name: string]: string }>();
      return {
        put(kind, id, value, options = {}) {
          const index = first.get(id) ?? options.index ?? {};
          first.set(id, index);
          return sound.put(kind, id, value, { ...options, index });
        },
      };
    },
  },
];
