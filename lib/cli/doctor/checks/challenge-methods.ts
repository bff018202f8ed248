import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import { challengeProblem } from './challenge.ts';

/** Whether each method is challenged. */
export const challengeMethods: Check<Deployment> = {
  id: 'challenge-methods',
  severity: 'error',
  looksAt: 'GET and DELETE without a token get the same 401 as POST, not 405 or 404.',
  hurts:
    'Clients that begin with GET (Claude, clients of the HTTP+SSE transport): they stop at a 405, and never sign in.',
  mend: 'Mount the middleware with `app.all(path, ...)` or `app.use(...)`, not with `app.post(path, ...)`.',
  run: async ({ probe, endpoint }) => {
    const url = endpoint().href;
    const problems: (string | undefined)[] = [];
    for (const method of ['GET', 'DELETE'])
      problems.push(
        challengeProblem(
          `${method} without a token`,
          await probe.send(url, { method, headers: { accept: 'text/event-stream' } }),
        ),
      );
    return problems.filter((problem) => problem !== undefined);
  },
};
