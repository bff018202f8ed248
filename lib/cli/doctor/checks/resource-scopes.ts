import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the resource lists its own scopes only. */
export const resourceScopes: Check<Deployment> = {
  id: 'resource-scopes',
  severity: 'warning',
  looksAt:
    '`scopes_supported` of the resource metadata is there, without `offline_access` (MCP 2026-07-28, Refresh Tokens).',
  hurts:
    'Clients that ask for everything listed (Cursor, LibreChat, mcp-remote): `offline_access` is no scope of a resource.',
  mend: 'List the scopes of tools only in `scopes` and `optionalScopes` of the route.',
  run: async ({ resourceDocument }) => {
    const { scopes_supported: scopes } = await resourceDocument();
    if (!Array.isArray(scopes)) return ['the resource metadata has no scopes_supported'];
    return scopes.includes('offline_access') ? ['scopes_supported of the resource has offline_access'] : [];
  },
};
