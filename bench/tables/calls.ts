import { type Browser, createBrowser } from '../../__tests__/helpers/browser.ts';
import { createOAuthClient, type OAuthClient } from '../../__tests__/helpers/oauth-client.ts';
import { type CallCount, countOnce, describeCounts } from '../harness/count.ts';
import { createUser, expectStatus } from '../harness/load.ts';
import { type BenchServer, startServer } from '../harness/server-process.ts';
import type { CountTable } from '../harness/table.ts';
import { nativeClient } from './sign-in.ts';

/** What one flow leaves for its next step. */
interface Flow {
  client?: OAuthClient;
  readonly browser: Browser;
  code: string;
  accessToken: string;
  refreshToken: string;
}

type Step = (server: BenchServer, flow: Flow) => Promise<void>;

const scope = 'mcp:tools';

function keepTokens(flow: Flow, { status, json, text }: Awaited<ReturnType<OAuthClient['redeem']>>): void {
  if (status !== 200) throw new Error(`the token endpoint answered ${status}: ${text}`);
  flow.accessToken = String(json?.access_token);
  flow.refreshToken = String(json?.refresh_token);
}

function clientOf({ client }: Flow): OAuthClient {
  if (!client) throw new Error('registration comes first');
  return client;
}

const callResource: Step = async ({ url }, { accessToken }) => {
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  expectStatus(await createUser(url)({ method: 'POST', path: '/mcp', headers, body: '{}' }), 200);
};

/** A flow from registration to a tool call; only ours has a resource. */
const steps: Readonly<Record<string, Step>> = {
  'dynamic registration': async ({ url }, flow) => {
    flow.client = await createOAuthClient(url, nativeClient);
  },
  'authorization request to approval page': async (_server, flow) => {
    await flow.browser.get(clientOf(flow).authorizeUrl({ scope }));
  },
  'authorization request, approval, sign-in, code': async (_server, flow) => {
    flow.browser.clearCookies();
    flow.code = await clientOf(flow).login(flow.browser, { scope });
  },
  'the same with a session': async (_server, flow) => {
    flow.code = await clientOf(flow).login(flow.browser, { scope });
  },
  'code exchange': async (_server, flow) => keepTokens(flow, await clientOf(flow).redeem(flow.code)),
  refresh: async (_server, flow) => keepTokens(flow, await clientOf(flow).refresh(flow.refreshToken)),
  'refresh of a refreshed token': async (_server, flow) =>
    keepTokens(flow, await clientOf(flow).refresh(flow.refreshToken)),
};

const resourceSteps: typeof steps = { 'authentication, cold': callResource };

/** Every step of one flow, after a first one in which everything is new to the server. */
async function countFlow(variant: string, settings: object, all: typeof steps): Promise<Map<string, CallCount>> {
  const server = await startServer({ variant, settings: { ...settings, isCounting: true } });
  const counts = new Map<string, CallCount>();
  try {
    for (let repeat = 0; repeat < 2; repeat += 1) {
      const flow: Flow = { browser: createBrowser(), code: '', accessToken: '', refreshToken: '' };
      for (const [name, step] of Object.entries(all))
        counts.set(name, describeCounts(await countOnce(server, () => step(server, flow))));
    }
    return counts;
  } finally {
    await server.stop();
  }
}

function cell(count: CallCount | undefined): string {
  return count ? `${count.calls} (${count.callTrips})` : '-';
}

/** Storage calls of every operation, ours beside bare oidc-provider. */
export async function calls(): Promise<CountTable> {
  const ours = await countFlow('gateway', { gateway: { tokenCacheSeconds: 0 } }, { ...steps, ...resourceSteps });
  const bare = await countFlow('bare-provider', {}, steps);
  return {
    title: 'Storage calls by operation',
    notes: [
      'Calls of the storage interface on memory, those in sequence in parentheses. On a server each one in sequence is at least one round trip.',
      'Calls that went together are joined by `+`.',
    ],
    heads: ['operation', 'ours', 'bare oidc-provider', 'calls of ours', 'calls of bare'],
    rows: Object.keys({ ...steps, ...resourceSteps }).map((name) => [
      name,
      cell(ours.get(name)),
      cell(bare.get(name)),
      ours.get(name)?.trace.join(', ') ?? '',
      bare.get(name)?.trace.join(', ') ?? '',
    ]),
  };
}
