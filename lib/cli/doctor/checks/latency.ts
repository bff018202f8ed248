import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether answers begin in time. Looks at every request of the checks before it. */
export const latency: Check<Deployment> = {
  id: 'latency',
  severity: 'warning',
  looksAt: 'Every answer so far began within the budget (`--latency-ms`, 3000 by default).',
  hurts:
    'Hosted clients: Claude and ChatGPT give discovery about 3 seconds to its first byte and 10 to the whole, also at a cold start.',
  mend: 'Call `await auth.ready()` before listening, keep one instance warm, look at the store and at the proxies in front.',
  run: ({ probe, options }) => {
    const slow = probe.timings.filter(({ firstByteMs }) => firstByteMs > options.latencyMs);
    const worst = new Map(slow.map(({ method, url, firstByteMs }) => [`${method} ${url}`, Math.round(firstByteMs)]));
    return [...worst].map(([what, ms]) => `${what} began to answer after ${ms} ms; the budget is ${options.latencyMs}`);
  },
};
