import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import { documentProblem } from '../deployment.ts';

/** Whether the challenge leads to the metadata. */
export const challengeResourceMetadata: Check<Deployment> = {
  id: 'challenge-resource-metadata',
  severity: 'error',
  looksAt:
    'The challenge has `resource_metadata`, an absolute URL at the same origin that answers with the metadata (RFC 9728 section 5.1).',
  hurts:
    'Claude, which wants it at the same origin, Zed, which ignores another one, and the MCP SDKs, which look nowhere else first.',
  mend: 'Set `issuer` to the public URL. A proxy in front must not change or drop `WWW-Authenticate`.',
  run: async ({ probe, endpoint, challengeParameters }) => {
    const parameters = await challengeParameters();
    if (!parameters) throw new Missing('there is no Bearer challenge');
    const named = parameters.resource_metadata;
    if (named === undefined) return ['the challenge has no resource_metadata'];
    const url = URL.parse(named);
    if (!url) return [`resource_metadata is no absolute URL: ${named}`];
    if (url.origin !== endpoint().origin)
      return [`resource_metadata is at ${url.origin}, the endpoint at ${endpoint().origin}`];
    const problem = documentProblem(await probe.send(named));
    return problem === undefined ? [] : [problem];
  },
};
