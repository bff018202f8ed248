import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether the resource names its authorization server. */
export const authorizationServers: Check<Deployment> = {
  id: 'authorization-servers',
  severity: 'error',
  looksAt: '`authorization_servers` of the resource metadata begins with an absolute URL, https off loopback.',
  hurts: 'Claude takes only the first entry; every client stops where there is none.',
  mend: 'Set `issuer`. In `express-mcp-auth/resource`, `issuer` is the server that issues the tokens.',
  run: async ({ endpoint, resourceDocument }) => {
    const isSecure = endpoint().protocol === 'https:';
    const { authorization_servers: servers } = await resourceDocument();
    if (!Array.isArray(servers) || servers.length === 0) return ['the resource metadata has no authorization_servers'];
    const url = typeof servers[0] === 'string' ? URL.parse(servers[0]) : null;
    if (!url) return [`the first of authorization_servers is no absolute URL: ${String(servers[0])}`];
    return isSecure && url.protocol !== 'https:'
      ? [`the first of authorization_servers is not https: ${String(servers[0])}`]
      : [];
  },
};
