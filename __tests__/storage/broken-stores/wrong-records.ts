import type { BrokenStore } from './broken-store.ts';

export const wrongRecords: readonly BrokenStore[] = [
  {
    fault: 'creates by put',
    rule: 'records: create leaves a record that is there alone',
    breakIt: (sound) => ({ create: sound.put }),
  },
  {
    fault: 'takes without deleting',
    rule: 'records: take returns the record and deletes it',
    breakIt: (sound) => ({ take: sound.get }),
  },
  {
    fault: 'replaces whatever the version',
    rule: 'records: replace writes where the version is the expected one',
    breakIt: (sound) => ({
      async replace(kind, id, _version, value, options) {
        const record = await sound.get(kind, id);
        return record !== undefined && sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
  {
    fault: 'replaces by put, which forgets the consumption',
    rule: 'records: replace keeps consumption, and consumption keeps the version',
    breakIt: (sound) => ({
      async replace(kind, id, version, value, options) {
        return (await sound.get(kind, id))?.version === version && sound.put(kind, id, value, options);
      },
    }),
  },
  {
    fault: 'puts by replace, which keeps the consumption',
    rule: 'records: put resets consumption',
    breakIt: (sound) => ({
      async put(kind, id, value, options) {
        const record = await sound.get(kind, id);
        if (!record) return sound.put(kind, id, value, options);
        return sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
  {
    fault: 'makes versions from values',
    rule: 'records: every write makes a version that the record never had',
    breakIt: (sound) => ({
      async get(kind, id) {
        const record = await sound.get(kind, id);
        return record && { ...record, version: JSON.stringify(record.value) };
      },
      async replace(kind, id, version, value, options) {
        const record = await sound.get(kind, id);
        if (!record || JSON.stringify(record.value) !== version) return false;
        return sound.replace(kind, id, record.version, value, options);
      },
    }),
  },
];
