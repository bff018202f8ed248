import type { ServerSpec } from '../harness/server-process.ts';
import type { Table } from '../harness/table.ts';
import { accessTokens, calling } from './operations.ts';
import { startUpstream } from './upstream.ts';

/** What the option `telemetry` costs: off, which is the default, and on where the application has registered no SDK. */
export async function telemetry(): Promise<Table> {
  const upstream = await startUpstream();
  const gateway = { tokenCacheSeconds: 60 };
  const proxy = { target: `${upstream.origin}/mcp` };
  const options = { telemetry: true };
  const servers: Record<string, ServerSpec> = {
    off: { variant: 'gateway', settings: { gateway } },
    on: { variant: 'gateway', settings: { gateway, options } },
    proxyOff: { variant: 'gateway', settings: { gateway, proxy } },
    proxyOn: { variant: 'gateway', settings: { gateway, proxy, options } },
  };
  return {
    title: 'Telemetry: what it costs',
    notes: [
      'Off is the default: `@opentelemetry/api` is not loaded and no wrapper is made (`__tests__/telemetry/loaded-modules.test.ts`), so a route runs the very code that it runs without the option.',
      'On: the API without an SDK, which is what a library may cost an application that measures nothing yet. What an SDK and its exporters cost on top is theirs.',
    ],
    servers,
    comparisons: [
      {
        operation: 'Authenticated call',
        subjects: [
          { name: 'off', server: 'off', prepare: calling(accessTokens) },
          { name: 'on, without an SDK', server: 'on', prepare: calling(accessTokens) },
        ],
      },
      {
        operation: 'Authenticated and proxied call',
        subjects: [
          { name: 'off', server: 'proxyOff', prepare: calling(accessTokens) },
          { name: 'on, without an SDK', server: 'proxyOn', prepare: calling(accessTokens) },
        ],
      },
    ],
    close: upstream.close,
  };
}
