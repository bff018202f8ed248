import type { Check } from '../check.ts';
import { type Deployment, documentProblem } from '../deployment.ts';

/** Whether the resource metadata is where every client looks. */
export const resourceMetadata: Check<Deployment> = {
  id: 'resource-metadata',
  severity: 'error',
  looksAt:
    'The resource metadata is at `/.well-known/oauth-protected-resource` with the endpoint’s path behind it, as JSON (RFC 9728 section 3.1).',
  hurts:
    'Clients that read no challenge (older MCP SDKs, mcp-remote, Zed as a fallback): they find no authorization server, or read a web page.',
  mend: 'Mount `auth` at the root, ahead of a single-page application’s catch-all; under a prefix mount `auth.wellKnown()` at the root, too.',
  run: async ({ resourceMetadata: ask }) => {
    const problem = documentProblem(await ask());
    return problem === undefined ? [] : [problem];
  },
};
