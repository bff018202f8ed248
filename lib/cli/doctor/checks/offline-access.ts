import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether clients learn that they may stay signed in. */
export const offlineAccess: Check<Deployment> = {
  id: 'offline-access',
  severity: 'warning',
  looksAt: '`scopes_supported` of the server metadata lists `offline_access`.',
  hurts:
    'Claude and ChatGPT ask for it only where it is listed, and some servers give no refresh token without it: people sign in every hour.',
  mend: 'Leave it in the server metadata; this library issues refresh tokens with or without it.',
  run: async ({ serverDocument }) => {
    const { scopes_supported: scopes } = await serverDocument();
    return Array.isArray(scopes) && scopes.includes('offline_access')
      ? []
      : ['scopes_supported of the server does not list offline_access'];
  },
};
