import type { Check } from '../check.ts';
import { anyPage } from '../cors.ts';
import type { Deployment } from '../deployment.ts';

/** Whether pages of strangers stay outside. */
export const corsCredentials: Check<Deployment> = {
  id: 'cors-credentials',
  severity: 'error',
  looksAt:
    'No endpoint allows a stranger’s page to send cookies, and the authorization endpoint has no CORS at all (RFC 9700 section 2.6).',
  hurts: 'People who are signed in: a page of a stranger could act, or read, with their session.',
  mend: 'Take the app’s own CORS middleware with `credentials: true` away from `/oauth/*` and `/.well-known/*`.',
  run: async ({ probe, serverDocument, serverMetadata }) => {
    const document = await serverDocument();
    const problems: string[] = [];
    const names = ['authorization_endpoint', 'registration_endpoint', 'token_endpoint'];
    const urls = [(await serverMetadata()).url, ...names.map((name) => document[name])];
    for (const url of urls) {
      if (typeof url !== 'string' || !URL.canParse(url)) continue;
      const { headers } = await probe.send(url, { headers: { origin: anyPage } });
      if (headers['access-control-allow-credentials'] === 'true') problems.push(`${url} lets a page send cookies`);
      else if (url === document.authorization_endpoint && headers['access-control-allow-origin'] !== undefined)
        problems.push(`${url} has CORS headers`);
    }
    return problems;
  },
};
