import { type Check, Missing } from '../check.ts';
import type { Deployment } from '../deployment.ts';
import { postedForm } from '../html-form.ts';

/** Whether a person sees which client asks. */
export const approvalPage: Check<Deployment> = {
  id: 'approval-page',
  severity: 'error',
  looksAt:
    'A browser that is signed in nowhere sees a page of this server with a form before it leaves for the identity provider (MCP, Confused Deputy Problem).',
  hurts:
    'People: a link from a stranger, and the session at their identity provider, give the stranger’s client a token without a question.',
  mend: 'Let nothing skip or answer for the approval page.',
  run: async ({ authorization }) => {
    const { answer, leftTo } = await authorization.approval();
    if (leftTo !== undefined && !leftTo.includes('error='))
      return [`the browser leaves for ${new URL(leftTo).origin} without a page`];
    if (answer.status !== 200) throw new Missing('the authorization request shows no page');
    return postedForm(answer.text) ? [] : ['the page has no form'];
  },
};
