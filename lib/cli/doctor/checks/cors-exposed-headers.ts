import type { Check } from '../check.ts';
import { allowsOrigin, listed } from '../cors.ts';
import { type Deployment, initializeRequest } from '../deployment.ts';

/** Whether pages can read what they need of an answer. */
export const corsExposedHeaders: Check<Deployment> = {
  id: 'cors-exposed-headers',
  severity: 'error',
  looksAt:
    'The 401 of the MCP endpoint may be read by a page of `--web-origin`, and exposes `WWW-Authenticate` and `Mcp-Session-Id`.',
  hurts:
    'Clients in a browser: without the challenge they do not know where to sign in, without the session id each call is a new session.',
  mend: 'Leave CORS of the MCP endpoint to the middleware; one of the app before it must expose these headers, too.',
  run: async ({ probe, endpoint, options }) => {
    const url = endpoint();
    const origin = options.webOrigin ?? url.origin;
    const { headers } = await probe.send(url.href, {
      ...initializeRequest,
      headers: { ...initializeRequest.headers, origin },
    });
    if (!allowsOrigin(headers, origin)) return [`the 401 cannot be read by a page of ${origin}`];
    const exposed = listed(headers['access-control-expose-headers']);
    return ['www-authenticate', 'mcp-session-id']
      .filter((name) => !exposed.includes(name))
      .map((name) => `the 401 does not expose ${name}`);
  },
};
