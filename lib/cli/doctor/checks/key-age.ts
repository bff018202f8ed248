import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

const daySeconds = 86_400;

/** Whether signing keys are replaced. */
export const keyAge: Check<Configuration> = {
  id: 'key-age',
  severity: 'warning',
  looksAt: 'The key that signs is not older than `signingKeys.rotateAfterSeconds`, and a day.',
  hurts:
    'Nobody yet: a key that leaked stays good for as long as it signs. An old one says that rotation does not run.',
  mend: 'Run `express-mcp-auth keys rotate`, and look why the server does not: it rotates at a request, once a minute at most.',
  run: async (configuration) => {
    const inspection = configuration.inspection();
    const times = await inspection.keyTimes().catch(() => {
      throw new Missing('the signing keys cannot be read');
    });
    if (!times) return { skipped: 'there are no signing keys yet' };
    const age = Math.floor(configuration.now() / 1000) - times.activeSince;
    if (age <= inspection.settings.keyRotationSeconds + daySeconds) return [];
    return [`the key that signs is ${Math.floor(age / daySeconds)} days old`];
  },
};
