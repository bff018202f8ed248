import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

const stranger = 'doctor.invalid';

/** Whether a stranger's forwarded headers are believed. */
export const forwardedHeaders: Check<Deployment> = {
  id: 'forwarded-headers',
  severity: 'error',
  looksAt: 'X-Forwarded-Host, X-Forwarded-Proto and Forwarded of a stranger change nothing in the server metadata.',
  hurts: 'Everybody: whoever sets these headers chooses the host in metadata, or the address that rate limits count.',
  mend: 'Let the reverse proxy set these headers itself and drop what clients send. Set Express’s `trust proxy` to exactly the proxies that stand in front, not to `true`.',
  run: async ({ probe, serverMetadata }) => {
    const { url, status } = await serverMetadata();
    const forwarded = {
      'x-forwarded-host': stranger,
      'x-forwarded-proto': 'http',
      forwarded: `host=${stranger};proto=http`,
    };
    const answer = await probe.send(url, { headers: forwarded });
    if (answer.text.includes(stranger)) return [`${url} names the host of a stranger’s X-Forwarded-Host`];
    return answer.status === status
      ? []
      : [`${url} answers ${answer.status} to a stranger’s X-Forwarded-Host: it is believed`];
  },
};
