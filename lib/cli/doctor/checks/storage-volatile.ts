import type { Check } from '../check.ts';
import type { Configuration } from '../configuration.ts';

/** Whether anything outlives the process. */
export const storageVolatile: Check<Configuration> = {
  id: 'storage-volatile',
  severity: 'error',
  looksAt: 'The store outlives the process and is shared by its replicas: it is not memory.',
  hurts:
    'Everybody, at each restart and with a second replica: clients are unknown, people sign in again, half of the callbacks fail.',
  mend: 'Name a store: `sqliteStorage(path)` on one machine, `postgresStorage` or `redisStorage` on several.',
  run: (configuration) =>
    configuration.inspection().settings.storage.isVolatile === true
      ? ['the store is in the memory of one process']
      : [],
};
