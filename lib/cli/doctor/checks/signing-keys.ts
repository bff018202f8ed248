import { StorageUnavailableError } from '../../../storage/storage.ts';
import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

/** Whether the stored keys can be read. */
export const signingKeys: Check<Configuration> = {
  id: 'signing-keys',
  severity: 'error',
  looksAt: 'The signing keys in the store open with `secret`.',
  hurts: 'Everybody: the server answers 503 to everything.',
  mend: 'Give the secret that was there before as second entry: `secret: [new, old]`.',
  run: async (configuration) => {
    try {
      return (await configuration.inspection().keyTimes()) ? [] : { skipped: 'there are no signing keys yet' };
    } catch (error) {
      if (error instanceof StorageUnavailableError || error instanceof Missing)
        throw new Missing('the store does not answer');
      return [(error as Error).message];
    }
  },
};
