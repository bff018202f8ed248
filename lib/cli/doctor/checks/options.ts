import { ConfigurationError } from '../../../errors.ts';
import type { Check } from '../check.ts';
import type { Configuration } from '../configuration.ts';

/** Whether the options are accepted. */
export const options: Check<Configuration> = {
  id: 'options',
  severity: 'error',
  looksAt: '`mcpOAuth(options)` accepts the options, in the environment of this process (`NODE_ENV` counts).',
  hurts: 'Everybody: the server does not start.',
  mend: 'Mend each option that is named.',
  run: (configuration) => {
    try {
      configuration.inspect();
      return [];
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return error.problems.map(({ option, message }) => `${option}: ${message}`);
    }
  },
};
