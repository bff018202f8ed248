import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

const toleranceMs = 30_000;

/** Whether the server's clock is right. */
export const clockSkew: Check<Deployment> = {
  id: 'clock-skew',
  severity: 'error',
  looksAt: 'The Date header of an answer is within 30 seconds of the clock of this machine.',
  hurts:
    'Clients that sign assertions (ChatGPT with private_key_jwt), ID-JAG and DPoP: these are refused as expired or not yet valid. ID tokens, too.',
  mend: 'Synchronise the clocks (NTP) of the server and of its reverse proxy; make sure that this machine is right.',
  run: async ({ challenge, options }) => {
    const date = Date.parse((await challenge()).headers.date ?? '');
    if (Number.isNaN(date)) return { skipped: 'answers have no Date header' };
    const skewMs = date - options.now();
    if (Math.abs(skewMs) <= toleranceMs) return [];
    return [
      `its clock is ${Math.round(Math.abs(skewMs) / 1000)} seconds ${skewMs > 0 ? 'ahead of' : 'behind'} this one`,
    ];
  },
};
