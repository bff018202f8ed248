import type { BrokenStore } from './broken-store.ts';

export const wrongValues: readonly BrokenStore[] = [
  {
    fault: 'joins kind and id',
    rule: 'values: kind and id are two things',
    breakIt: (sound) => ({
      get: (kind, id) => sound.get('', `${kind}:${id}`),
      put: (kind, id, value, options) => sound.put('', `${kind}:${id}`, value, options),
      create: (kind, id, value, options) => sound.create('', `${kind}:${id}`, value, options),
    }),
  },
  {
    fault: 'copies values by assignment',
    rule: 'values: a member named __proto__ is a member like others',
    breakIt: (sound) => ({
      async get(kind, id) {
        const record = await sound.get(kind, id);
        return record && { ...record, value: Object.assign({}, record.value) };
      },
    }),
  },
  {
    fault: 'hands out one object to all',
    rule: 'values: what a caller changes in a value does not reach the store',
    breakIt: (sound) => {
      const cache = new Map<string, Record<string, unknown>>();
      return {
        async get(kind, id) {
          const record = await sound.get(kind, id);
          if (!record) return undefined;
          const value = cache.get(record.version) ?? record.value;
          cache.set(record.version, value);
          return { ...record, value };
        },
      };
    },
  },
  {
    fault: 'keeps the first 64 KB of a text',
    rule: 'values: values come back as they were written',
    breakIt: (sound) => ({
      put: (kind, id, value, options) =>
        sound.put(
          kind,
          id,
          JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'string' ? v.slice(0, 65_536) : v))),
          options,
        ),
    }),
  },
];
