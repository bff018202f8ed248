import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';

/** Whether a loopback client may use another port. */
export const loopbackPorts: Check<Deployment> = {
  id: 'loopback-ports',
  severity: 'error',
  looksAt: 'A client that registered a loopback redirect URI may use it on another port (RFC 8252 section 7.3).',
  hurts:
    'Claude Code, VS Code, Codex, Goose and mcp-remote, which take a free port at each sign-in: the second one fails.',
  mend: 'Compare loopback redirect URIs without their port; this library does, for localhost, 127.0.0.1 and [::1].',
  run: async ({ authorization, registrations }) => {
    const found = (await registrations.all()).find(
      ({ clientId, client }) => clientId !== undefined && client.redirectUris[0]?.startsWith('http://'),
    );
    if (found?.clientId === undefined) throw new Missing('no loopback client could be registered');
    const url = new URL(found.client.redirectUris[0] ?? '');
    url.port = '51987';
    const { answer, leftTo } = await authorization.request({ client_id: found.clientId, redirect_uri: url.href });
    return leftTo !== undefined || answer.status === 200
      ? []
      : [`${url.href} is answered ${answer.status}: another port was registered`];
  },
};
