import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether public clients are advertised. */
export const publicClients: Check<Deployment> = {
  id: 'public-clients',
  severity: 'error',
  looksAt: '`token_endpoint_auth_methods_supported` lists `none`.',
  hurts:
    'Claude, opencode and Codex identify by metadata document only where it is listed; public clients believe that they need a secret.',
  mend: 'Never take `none` from the list: clients that have a secret use it all the same.',
  run: async ({ serverDocument }) => {
    const { token_endpoint_auth_methods_supported: methods } = await serverDocument();
    return Array.isArray(methods) && methods.includes('none')
      ? []
      : ['token_endpoint_auth_methods_supported does not list none'];
  },
};
