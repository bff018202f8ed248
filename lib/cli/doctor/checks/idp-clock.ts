import { type Check, Missing } from '../check.ts';
import type { Configuration } from '../configuration.ts';

const toleranceMs = 30_000;

/** Whether the identity provider's clock is this machine's. */
export const idpClock: Check<Configuration> = {
  id: 'idp-clock',
  severity: 'error',
  looksAt: 'The Date header of each identity provider is within 30 seconds of the clock of this machine.',
  hurts: 'Everybody who signs in: ID tokens are not valid yet, or have expired already.',
  mend: 'Synchronise the clock (NTP) of this machine, or of an identity provider of your own.',
  run: async (configuration) => {
    const problems: string[] = [];
    for (const { name, discovery } of configuration.providers()) {
      const found = await discovery().catch(() => {
        throw new Missing('the discovery document cannot be read');
      });
      const date = Date.parse(found?.date ?? '');
      const skewMs = date - configuration.now();
      if (Math.abs(skewMs) > toleranceMs)
        problems.push(
          `${name}: its clock is ${Math.round(Math.abs(skewMs) / 1000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} this one`,
        );
    }
    return problems;
  },
};
