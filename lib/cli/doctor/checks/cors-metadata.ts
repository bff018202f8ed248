import { type Check, Missing } from '../check.ts';
import { allowsOrigin, anyPage } from '../cors.ts';
import type { Deployment } from '../deployment.ts';

/** Whether pages can read the metadata. */
export const corsMetadata: Check<Deployment> = {
  id: 'cors-metadata',
  severity: 'error',
  looksAt: 'Resource and server metadata answer `Access-Control-Allow-Origin` to a page of any origin.',
  hurts: 'Clients in a browser: MCP Inspector (web), MCPJam. They see a network error and no reason.',
  mend: 'Mount `auth` ahead of a CORS middleware of the app, and let no proxy drop the headers.',
  run: async ({ probe, serverMetadata, resourceMetadata }) => {
    const answers = [await serverMetadata(), await resourceMetadata().catch(() => undefined)];
    const urls = answers.filter((answer) => answer?.status === 200).map((answer) => answer?.url ?? '');
    if (urls.length === 0) throw new Missing('there is no metadata');
    const problems: string[] = [];
    for (const url of urls) {
      const { headers } = await probe.send(url, { headers: { origin: anyPage } });
      if (!allowsOrigin(headers, anyPage)) problems.push(`${url} does not let a page read it`);
    }
    return problems;
  },
};
