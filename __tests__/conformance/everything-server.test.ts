import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBearerFront } from '../helpers/bearer-front.ts';
import { type ConformanceCheck, type ConformanceResult, runConformance } from '../helpers/conformance.ts';
import { createEverythingApp, startEverythingServer } from '../helpers/everything-server.ts';
import { startMcpServer } from '../helpers/mcp-servers.ts';

/**
 * What the test server reaches without anything of ours in between: the reference for the runs through the proxy.
 * `unscored` are scenarios that a revision runs without counting them. The 30 failures are those of the tasks extension,
 * which the server does not have.
 */
const revisions = [
  {
    revision: '2025-06-18',
    args: ['--suite', 'all', '--spec-version', '2025-06-18'],
    scored: { success: 56, info: 0 },
    unscored: { success: 0, failure: 0, skipped: 0, info: 0 },
  },
  {
    revision: '2025-11-25',
    args: ['--requirements', '2025-11-25'],
    scored: { success: 70, info: 0 },
    unscored: { success: 14, failure: 0, skipped: 0, info: 7 },
  },
  {
    revision: '2026-07-28',
    args: ['--requirements', '2026-07-28'],
    scored: { success: 120, info: 1 },
    unscored: { success: 44, failure: 30, skipped: 1, info: 0 },
  },
];

/** Several times what one run takes on an idle machine. */
const RUN_TIMEOUT_MS = 60_000;

const runSuite = (url: string, args: readonly string[]): Promise<ConformanceResult> =>
  runConformance({ command: 'server', args: ['--url', url, ...args], timeoutMs: RUN_TIMEOUT_MS });

const isFailed = ({ status }: ConformanceCheck) => status === 'FAILURE' || status === 'WARNING';

describe('the everything server under the official suite', () => {
  let server: Awaited<ReturnType<typeof startEverythingServer>>;
  beforeAll(async () => {
    server = await startEverythingServer();
  });
  afterAll(() => server.close());

  it.each(revisions)(
    'passes every scored check of $revision',
    async ({ args, scored, unscored }) => {
      const result = await runSuite(server.url, args);

      expect(result.checks.filter((check) => check.isScored && isFailed(check))).toEqual([]);
      expect(result.checks.filter((check) => isFailed(check) && !check.scenario.startsWith('tasks-'))).toEqual([]);
      expect(result.summary.scored).toEqual({ failure: 0, warning: 0, skipped: 0, ...scored });
      expect(result.summary.unscored).toEqual({ warning: 0, ...unscored });
      expect(result.exitCode).toBe(0);
    },
    RUN_TIMEOUT_MS,
  );
});

describe('the bearer front', () => {
  const everything = createEverythingApp();
  let recorder: Awaited<ReturnType<typeof startMcpServer>>;
  let front: Awaited<ReturnType<typeof startBearerFront>>;
  beforeAll(async () => {
    recorder = await startMcpServer(everything.app);
    front = await startBearerFront({
      target: recorder.url,
      token: 'the-token',
      hostHeader: new URL(recorder.url).host,
    });
  });
  afterAll(async () => {
    await front.close();
    await recorder.close();
    await everything.close();
  });

  it.each(revisions)(
    'adds the token to every request of $revision and changes no check',
    async ({ args }) => {
      const seenBefore = recorder.requests.length;
      const direct = await runSuite(recorder.url, args);
      const seenDirect = recorder.requests.length - seenBefore;
      const fronted = await runSuite(front.url, args);

      const view = ({ checks }: ConformanceResult) => checks.map(({ scenario, id, status }) => [scenario, id, status]);
      expect(view(fronted)).toEqual(view(direct));
      const relayed = recorder.requests.slice(seenBefore + seenDirect);
      expect(relayed).toHaveLength(seenDirect);
      expect(relayed.filter(({ headers }) => headers.authorization !== 'Bearer the-token')).toEqual([]);
    },
    2 * RUN_TIMEOUT_MS,
  );
});
