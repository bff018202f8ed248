import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the challenge says what to ask for. */
export const challengeScope: Check<Deployment> = {
  id: 'challenge-scope',
  severity: 'warning',
  looksAt: 'The challenge names the scopes that the endpoint needs (MCP 2025-11-25, Scope Selection Strategy).',
  hurts: 'People: Cursor, LibreChat, mcp-remote and Goose then ask for every scope that any metadata lists.',
  mend: 'Give `scopes` to the route, and keep `WWW-Authenticate` as it is on the way.',
  run: async ({ challengeParameters }) => {
    const parameters = await challengeParameters();
    if (!parameters) throw new Missing('there is no Bearer challenge');
    return parameters.scope === undefined ? ['the challenge has no scope'] : [];
  },
};
