import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { McpOAuthEvent } from '../../lib/index.ts';
import { startBearerFront } from '../helpers/bearer-front.ts';
import { type ConformanceResult, runConformance } from '../helpers/conformance.ts';
import { createEverythingApp, startEverythingServer } from '../helpers/everything-server.ts';
import { type Gateway, startGateway } from '../helpers/gateway.ts';
import { obtainAccessToken } from './sign-in.ts';

/** `checks` is what the suite reports for the everything server itself, so that an empty run is no equal run. */
const revisions = [
  { revision: '2025-06-18', args: ['--suite', 'all', '--spec-version', '2025-06-18'], checks: 56 },
  { revision: '2025-11-25', args: ['--requirements', '2025-11-25'], checks: 91 },
  { revision: '2026-07-28', args: ['--requirements', '2026-07-28'], checks: 196 },
];

/** Several times what one run takes on an idle machine. */
const RUN_TIMEOUT_MS = 60_000;

const runSuite = (url: string, args: readonly string[]): Promise<ConformanceResult> =>
  runConformance({ command: 'server', args: ['--url', url, ...args], timeoutMs: RUN_TIMEOUT_MS });

const view = ({ checks }: ConformanceResult) => checks.map(({ scenario, id, status }) => [scenario, id, status]);

type Front = Awaited<ReturnType<typeof startBearerFront>>;

/** The suite cannot send a token, so it talks to a front that adds one and is otherwise not there. */
async function startFront(gateway: Gateway): Promise<Front> {
  const token = await obtainAccessToken(gateway.url, `${gateway.url}/mcp`);
  return startBearerFront({ target: `${gateway.url}/mcp`, token, hostHeader: new URL(gateway.url).host });
}

/** No run is longer than a token lives. */
const options = () => ({ gateway: { accessTokenTtlSeconds: 86_400 } });

/** Reads every message, both ways, and hides nothing. */
const openFilter = {
  capabilities: { tools: ['*'], prompts: ['*'], resources: ['*'], resourceTemplates: ['*'] },
  authorize: () => true,
};

const kinds = ['proxy', 'authenticate', 'filter'] as const;
type Kind = (typeof kinds)[number];

/** What the gateway tells of requests that it lets through, and of those that the suite sends to see them refused. */
const isExpected = (event: McpOAuthEvent) =>
  event.type === 'call.allowed' ||
  event.type === 'resource.admitted' ||
  (event.type === 'call.refused' && event.reason === 'Mcp-Method or Mcp-Name does not match the body') ||
  (event.type === 'resource.refused' && event.status === 421);

describe('an MCP server behind the gateway', () => {
  const everything = createEverythingApp();
  let server: Awaited<ReturnType<typeof startEverythingServer>>;
  let gateways: Record<Kind, Gateway>;
  let fronts: Record<Kind, Front>;
  const direct = new Map<string, ConformanceResult>();

  beforeAll(async () => {
    server = await startEverythingServer();
    gateways = {
      proxy: await startGateway({
        options,
        routes: (app, auth) => app.use(auth.proxy('/mcp', { target: server.url })),
      }),
      filter: await startGateway({
        options,
        routes: (app, auth) => app.use(auth.proxy('/mcp', { target: server.url, ...openFilter })),
      }),
      authenticate: await startGateway({
        options,
        routes: (app, auth) => app.use(auth.authenticate('/mcp'), everything.app),
      }),
    };
    fronts = {
      proxy: await startFront(gateways.proxy),
      authenticate: await startFront(gateways.authenticate),
      filter: await startFront(gateways.filter),
    };
    for (const { revision, args } of revisions) direct.set(revision, await runSuite(server.url, args));
  }, revisions.length * RUN_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(kinds.map((kind) => fronts[kind].close()));
    await Promise.all(kinds.map((kind) => gateways[kind].close()));
    await Promise.all([server.close(), everything.close()]);
  });

  describe.each(kinds)('by %s', (kind) => {
    it.each(revisions)(
      'gives every check of $revision the status it has without the gateway',
      async ({ revision, args, checks }) => {
        const reference = direct.get(revision) as ConformanceResult;
        expect(reference.checks).toHaveLength(checks);

        const seenBefore = gateways[kind].events.length;
        const result = await runSuite(fronts[kind].url, args);

        const events = gateways[kind].events.slice(seenBefore);
        expect(events.filter((event) => !isExpected(event))).toEqual([]);
        expect(view(result)).toEqual(view(reference));
        expect(result.summary).toEqual(reference.summary);
        expect(result.exitCode).toBe(0);
      },
      RUN_TIMEOUT_MS,
    );
  });
});
