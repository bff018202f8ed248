import { ConfigurationError } from '../../../errors.ts';
import { mcpOAuth } from '../../../mcp-oauth.ts';
import { StorageUnavailableError } from '../../../storage/storage.ts';
import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

/** Whether a server with these options comes up. */
export const start: Check<Configuration> = {
  id: 'start',
  severity: 'error',
  looksAt:
    'A server with these options starts in this process: keys are read, or made, and the provider is built with `configureProvider`.',
  hurts: 'Everybody: every request is answered 500 or 503.',
  mend: 'Mend what the line says; `configureProvider` must leave alone what the product’s safety rests on.',
  run: async (configuration) => {
    const inspection = configuration.inspection();
    const { settings } = inspection;
    if (!settings.issuer) return { skipped: 'the options name no issuer' };
    await inspection.keyTimes().catch(() => {
      throw new Missing('the signing keys cannot be read');
    });
    const auth = mcpOAuth({ ...configuration.given, storage: settings.storage });
    // Nobody else listens here: what is only a warning has a check of its own.
    auth.events.on('configuration.warning', () => {});
    try {
      await auth.ready();
      return [];
    } catch (error) {
      if (error instanceof StorageUnavailableError) throw new Missing('the store does not answer');
      if (error instanceof ConfigurationError)
        return error.problems.map(({ option, message }) => `configureProvider, ${option}: ${message}`);
      return [(error as Error).message];
    } finally {
      await auth.close();
    }
  },
};
