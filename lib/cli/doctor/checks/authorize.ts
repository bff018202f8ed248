import type { Check } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import { isHtml } from '../well-known.ts';

/** Whether a person gets to a page. */
export const authorize: Check<Deployment> = {
  id: 'authorize',
  severity: 'error',
  looksAt: 'A sound authorization request of a registered client leads to a page, or on to a sign-in.',
  hurts: 'Everybody: the browser opens and shows an error.',
  mend: 'Look at the event `authorization.refused` with the reference on the page; several replicas need one store.',
  run: async ({ authorization }) => {
    const { answer, leftTo } = await authorization.approval();
    if (leftTo !== undefined) {
      const error = URL.parse(leftTo)?.searchParams.get('error');
      return error ? [`the authorization request is answered with ${error} at the redirect URI`] : [];
    }
    return answer.status === 200 && isHtml(answer.text)
      ? []
      : [`${new URL(answer.url).pathname} answers ${answer.status}`];
  },
};
