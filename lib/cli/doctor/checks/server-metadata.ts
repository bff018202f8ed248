import type { Check } from '../check.ts';
import { type Deployment, documentProblem } from '../deployment.ts';

/** Whether the server metadata is at its place. */
export const serverMetadata: Check<Deployment> = {
  id: 'server-metadata',
  severity: 'error',
  looksAt:
    'The server metadata is at `/.well-known/oauth-authorization-server` with the issuer’s path behind it, as JSON (RFC 8414 section 3.1).',
  hurts:
    'Every client: without it no endpoint is known. A web page with status 200 there makes clients fail with a parse error.',
  mend: 'Mount `auth` at the root, ahead of a single-page application’s catch-all; under a prefix mount `auth.wellKnown()` at the root, too.',
  run: async ({ serverMetadata: ask }) => {
    const problem = documentProblem(await ask());
    return problem === undefined ? [] : [problem];
  },
};
