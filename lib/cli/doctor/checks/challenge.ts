import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import type { Answer } from '../probe.ts';

/** What is wrong with the answer to a request without a valid token; undefined where nothing is. */
export function challengeProblem(what: string, { status, headers }: Answer): string | undefined {
  if (status >= 300 && status < 400)
    return `${what} is redirected to ${headers.location ?? 'nowhere'} instead of answered 401`;
  if (status >= 200 && status < 300) return `${what} answers ${status}: the endpoint is open to everybody`;
  if (status !== 401) return `${what} answers ${status} instead of 401`;
  return /(^|,\s*)Bearer\b/i.test(headers['www-authenticate'] ?? '')
    ? undefined
    : `${what} answers 401 without a Bearer challenge`;
}

/** Whether a client learns that it has to sign in. */
export const challenge: Check<Deployment> = {
  id: 'challenge',
  severity: 'error',
  looksAt:
    'A POST without a token gets 401 with `WWW-Authenticate: Bearer` (RFC 6750 section 3, RFC 9728 section 5.1).',
  hurts:
    'Every client: without the challenge it does not begin to sign in, and shows a connection error. With 2xx, everybody gets in.',
  mend: 'Put `auth.authenticate(path)` or `auth.proxy(path)` before whatever answers now: a body parser, another login, a redirect, the firewall.',
  run: async (deployment) => {
    deployment.endpoint();
    const problem = challengeProblem('POST without a token', await deployment.challenge());
    return problem === undefined ? [] : [problem];
  },
};
