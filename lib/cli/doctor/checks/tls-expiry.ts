import type { Check } from '../check.ts';
import type { Connection } from '../connection.ts';

const warnDays = 14;
const dayMs = 86_400_000;

/** Whether the certificate is about to end. */
export const tlsExpiry: Check<Connection> = {
  id: 'tls-expiry',
  severity: 'warning',
  looksAt: `The certificate is valid for at least ${warnDays} more days.`,
  hurts: 'Every client, at once, on the day that it ends.',
  mend: 'Renew it, and look why it was not renewed by itself.',
  run: async (connection) => {
    const certificate = await connection.certificate();
    if (!certificate) return { skipped: 'the URL is not https' };
    const days = Math.floor((certificate.validToMs - connection.options.now()) / dayMs);
    return days >= 0 && days < warnDays ? [`the certificate ends in ${days} days`] : [];
  },
};
