import { expect, it } from '@jest/globals';
import { limitMs, record } from './rounds.ts';
import { soak } from './soak.ts';

const seconds = process.env.FAULT_ROUNDS === undefined ? 6 : 120;

it(
  `${seconds} s of mixed load, a tenth of it garbage, are served without a 5xx (F-39)`,
  async () => {
    const { samples, actions, statuses, failures, serverErrors } = await soak({
      seconds,
      perSecond: 10,
      sampleSeconds: seconds / 3,
    });
    const requests = samples.at(-1)?.requests ?? 0;
    const last = samples.at(-1);
    record(
      'F-39',
      'sqlite',
      `${seconds} s: ${requests} requests, ${JSON.stringify(statuses)}, RSS ${last?.rssMiB} MiB, ${last?.rows} rows; ` +
        '`npm run soak` runs as long as it is told: docs/benchmarks/soak.md',
    );
    expect(failures).toEqual([]);
    expect(Object.keys(statuses).filter((status) => Number(status) >= 500)).toEqual([]);
    expect(serverErrors).toBe(0);
    expect(actions['sign-in']).toBeGreaterThan(0);
    expect(actions.garbage).toBeGreaterThan(0);
  },
  limitMs,
);
