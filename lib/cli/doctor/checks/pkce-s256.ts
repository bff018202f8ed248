import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether PKCE is advertised. */
export const pkceS256: Check<Deployment> = {
  id: 'pkce-s256',
  severity: 'error',
  looksAt: '`code_challenge_methods_supported` lists `S256`, and not `plain` (MCP, Authorization Code Protection).',
  hurts: 'Zed, MCP SDKs and every client of MCP 2025-11-25: they must refuse a server that does not list S256.',
  mend: 'Leave PKCE to this library; a proxy must not change the metadata.',
  run: async ({ serverDocument }) => {
    const { code_challenge_methods_supported: methods } = await serverDocument();
    if (!Array.isArray(methods) || !methods.includes('S256'))
      return ['code_challenge_methods_supported does not list S256'];
    return methods.includes('plain') ? ['code_challenge_methods_supported lists plain'] : [];
  },
};
