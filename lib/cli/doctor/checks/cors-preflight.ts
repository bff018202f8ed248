import type { Check } from '../check.ts';
import { anyPage, preflightProblem } from '../cors.ts';
import type { Deployment } from '../deployment.ts';

const mcpHeaders = ['authorization', 'content-type', 'mcp-protocol-version', 'mcp-session-id', 'last-event-id'];

/** Whether pages may call. */
export const corsPreflight: Check<Deployment> = {
  id: 'cors-preflight',
  severity: 'error',
  looksAt:
    'A preflight is answered before any authentication: at the registration and token endpoints for a page of any origin, at the MCP endpoint for `--web-origin` (the issuer’s own by default), with the headers that clients send.',
  hurts: 'Clients in a browser: MCP Inspector (web), MCPJam. Without the preflight nothing is sent.',
  mend: 'Let OPTIONS come to the middleware; list the origins of pages in `allowedOrigins` of the route.',
  run: async ({ probe, serverDocument, endpoint, options }) => {
    const document = await serverDocument();
    const problems: (string | undefined)[] = [];
    for (const name of ['registration_endpoint', 'token_endpoint']) {
      const url = document[name];
      if (typeof url !== 'string' || !URL.canParse(url)) continue;
      problems.push(await preflightProblem(probe, url, anyPage, ['content-type']));
    }
    const url = endpoint();
    problems.push(await preflightProblem(probe, url.href, options.webOrigin ?? url.origin, mcpHeaders));
    return problems.filter((problem) => problem !== undefined);
  },
};
