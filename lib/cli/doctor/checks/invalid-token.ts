import { readChallenge } from '../challenge.ts';
import type { Check } from '../check.ts';
import { type Deployment, initializeRequest } from '../deployment.ts';
import { challengeProblem } from './challenge.ts';

/** Whether a token that is no good is told apart from an outage. */
export const invalidToken: Check<Deployment> = {
  id: 'invalid-token',
  severity: 'error',
  looksAt: 'A POST with a token that nobody issued gets 401 with `error="invalid_token"`.',
  hurts: 'Every client whose token has expired: at 400, 403, 404 or 500 it does not refresh, and stays disconnected.',
  mend: 'Let nothing between client and middleware look at `Authorization`; answer outages with 503, never with 401.',
  run: async ({ probe, endpoint }) => {
    const headers = { ...initializeRequest.headers, authorization: 'Bearer doctor-token-that-nobody-issued' };
    const answer = await probe.send(endpoint().href, { ...initializeRequest, headers });
    const problem = challengeProblem('POST with an invalid token', answer);
    if (problem !== undefined) return [problem];
    const error = readChallenge(answer.headers['www-authenticate'])?.error;
    return error === 'invalid_token'
      ? []
      : [`the challenge for an invalid token has error ${error ?? 'none'} instead of invalid_token`];
  },
};
