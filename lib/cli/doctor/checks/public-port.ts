import { isLoopbackHost } from '../../../shared/address-policy.ts';
import type { Check } from '../check.ts';
import type { Connection } from '../connection.ts';

/** Whether hosted clients can come here. */
export const publicPort: Check<Connection> = {
  id: 'public-port',
  severity: 'warning',
  looksAt: 'The URL is https on port 443, or on loopback.',
  hurts: 'Claude (web, Desktop, mobile), ChatGPT and Copilot Studio, which reach no other port: they time out.',
  mend: 'Serve it on port 443, such as behind a reverse proxy; change `issuer` accordingly.',
  run: ({ options }) => {
    const { protocol, hostname, port, origin } = new URL(options.url);
    if (isLoopbackHost(hostname)) return { skipped: 'the URL is on loopback' };
    return protocol === 'https:' && port === '' ? [] : [`${origin} is not https on port 443`];
  },
};
